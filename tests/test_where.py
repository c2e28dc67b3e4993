"""`launchready where CHECK` leads to every part of a check, and says what of it is still missing."""

import pytest

from launchready_lib import checks, roadmap
from launchready_lib.command import cli, where


@pytest.mark.parametrize("check", sorted(checks.registered()))
def test_every_check_that_measures_has_all_its_parts(check):
    """A check is built once it has a module, a cell, a fault of its own and a test."""
    missing = [part for part, found in where.places(check).items() if not found]
    hints = "; ".join(line for line in where.lines(check) if "not there yet" in line)
    assert not missing, f"{check}: {hints}"


def test_a_check_that_is_not_built_yet_says_where_its_parts_would_be(capsys):
    """What the roadmap asks and nobody measures names the places of its parts."""
    name = next(check for check in roadmap.load().checks if check not in checks.registered())
    assert cli.main(["where", name]) == 0
    said = capsys.readouterr().out
    assert said.count("not there yet") == 4
    assert "launchready_lib/checks/" in said


def test_a_group_is_all_its_checks(capsys):
    """The part of an id before the dot stands for all that begin so."""
    assert cli.main(["where", "tls"]) == 0
    said = capsys.readouterr().out
    assert all(f"{check}: " in said for check in ("tls.certificate", "tls.protocols", "tls.issuance"))
    assert "notebooks/03_secure_edge.ipynb, cell tls-hosts" in said


def test_an_unknown_check_is_a_mistake_with_its_nearest_neighbour(capsys):
    """A slip of the pen is answered with the id that was meant."""
    assert cli.main(["where", "mail.spff"]) == cli.BAD_INPUT
    assert "did you mean mail.spf?" in capsys.readouterr().err
