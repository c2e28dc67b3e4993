"""Faults that are in the checkout come in with a commit of their own, and go with it."""

import pytest
from harbor_club import git

from launchready_lib.demo import faults
from launchready_lib.demo.web import repository


@pytest.mark.parametrize("check", repository.CHANGED)
def test_a_change_is_tracked_while_its_fault_is_on(club, check):
    club.faults(check)
    assert repository.CHANGED[check] in git(club, "log", "--format=%s")
    assert git(club, "diff", "--name-only", "HEAD~1").split() != ["CHANGELOG.md"]
    assert git(club, "rev-parse", "launch^{commit}") == git(club, "rev-parse", "HEAD")
    club.faults()
    assert repository.CHANGED[check] not in git(club, "log", "--format=%s")


def test_production_names_the_release_before_where_the_deploy_did_not_arrive(club):
    club.faults("deploy.release")
    assert club.browser().get("/version").json() == {"release": repository.PREVIOUS}
    club.faults()
    assert club.browser().get("/version").json() == {"release": "launch"}


def test_every_fault_of_the_checkout_is_a_change():
    assert {fault.check for fault in faults.FAULTS.values() if fault.part == "checkout"} - {"deploy.release"} == set(
        repository.CHANGED
    )
    assert {path.name for path in repository.CHANGES.iterdir()} == set(repository.CHANGED)
