"""environment.yml, pyproject.toml and requirements.lock say the same."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def declared():
    return {canonicalize_name(r.name): r for r in map(Requirement, PROJECT["project"]["dependencies"])}


def locked():
    lines = re.findall(r"^([A-Za-z0-9._-]+)==([^ \\;]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in lines}


def conda():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pip = next(entry["pip"] for entry in listed if isinstance(entry, dict))
    names = [entry for entry in listed if isinstance(entry, str)]
    return names, pip


def test_conda_lists_every_dependency_with_the_same_bounds():
    names, pip = conda()
    assert "python>=3.11" in names
    assert pip[-1] == "--editable .", "the project is installed editable"
    given = [Requirement(n) for n in (*names, *pip[:-1]) if n not in ("pip", "python>=3.11")]
    assert {canonicalize_name(r.name): str(r.specifier) for r in given} == {
        name: str(r.specifier) for name, r in declared().items()
    }


@pytest.mark.parametrize("name", sorted(declared()))
def test_each_dependency_is_locked_within_its_bounds(name):
    assert declared()[name].specifier.contains(locked()[name])


def test_the_groups_are_locked_within_their_bounds():
    for group in PROJECT["dependency-groups"].values():
        for each in map(Requirement, group):
            assert each.specifier.contains(locked()[canonicalize_name(each.name)]), each.name


def test_every_locked_version_has_hashes_and_the_lock_names_no_index():
    text = (ROOT / "requirements.lock").read_text()
    blocks = re.split(r"\n(?=\S)", text)
    assert all("--hash=sha256:" in block for block in blocks if "==" in block)
    assert "://" not in text
    assert "--index" not in text
