"""Lock files agree with their manifests or not, as the tools that wrote them would say; nothing of them is run."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.sources.locks import State, Tree, is_manifest, look
from launchready_lib.sources.locks.model import allows


def tree(files):
    return Tree(frozenset(files), files.get)


def states(files):
    return {pinning.manifest: pinning.state for pinning in look(tree(files))}


def package(dependencies=None, **more):
    return json.dumps({"name": "app", "dependencies": dependencies or {"left-pad": "^1.3.0"}, **more})


def npm(dependencies, **packages):
    return json.dumps({"lockfileVersion": 3, "packages": {"": {"dependencies": dependencies}, **packages}})


LEFT = {"left-pad": "^1.3.0"}
PNPM = """lockfileVersion: '9.0'

importers:

  .:
    dependencies:
      left-pad:
        specifier: ^1.3.0
        version: 1.3.0

  packages/a:
    devDependencies:
      is-even:
        specifier: ^1.0.0
        version: 1.0.0

packages:

  left-pad@1.3.0:
    resolution: {integrity: sha512-x}
"""
PNPM_5 = "lockfileVersion: 5.4\n\nspecifiers:\n  left-pad: ^1.3.0\n\ndependencies:\n  left-pad: 1.3.0\n\npackages:\n"
PNPM_OVERRIDDEN = PNPM.replace("specifier: ^1.3.0", "specifier: 1.2.0").replace(
    "importers:", "overrides:\n  left-pad: 1.2.0\n\nimporters:"
)
YARN = '# yarn lockfile v1\n\n\n"left-pad@^1.2.0, left-pad@^1.3.0":\n  version "1.3.0"\n'
YARN = YARN.replace('"left-pad@^1.2.0, left-pad@^1.3.0":', "left-pad@^1.2.0, left-pad@^1.3.0:")
BERRY = """__metadata:
  version: 8

"app@workspace:.":
  version: 0.0.0-use.local
  resolution: "app@workspace:."
  dependencies:
    left-pad: "npm:^1.3.0"
  languageName: unknown
  linkType: soft
"""
BUN = '{"lockfileVersion": 1, "workspaces": {"": {"name": "app", "dependencies": {"left-pad": "^1.3.0",},},},}'
UV = """version = 1

[[package]]
name = "app"
version = "0.1"
source = { virtual = "." }
dependencies = [
    { name = "click" },
]

[package.metadata]
requires-dist = [{ name = "click", specifier = ">=8,<9" }]

[package.metadata.requires-dev]
dev = [{ name = "packaging", specifier = ">=24" }]

[[package]]
name = "click"
version = "8.1.0"
source = { registry = "https://pypi.example/simple" }
"""
PROJECT = '[project]\nname = "App"\nversion = "0.1"\ndependencies = ["click <9, >=8"]\n'
GROUPS = '[dependency-groups]\ndev = ["packaging>=24"]\n'
POETRY = """[tool.poetry]
name = "x"
version = "0.1"
description = ""
authors = []
package-mode = false
[tool.poetry.dependencies]
python = "^3.11"
click = "^8.0"
[tool.poetry.group.dev.dependencies]
attrs = ">=22"
"""
POETRY_2 = """[project]
name = "x"
version = "0.1"
requires-python = ">=3.11"
dependencies = ["click>=8"]
[tool.poetry]
package-mode = false
[tool.poetry.group.dev.dependencies]
attrs = ">=22"
"""
POETRY_HASH = "78e89b77740391c0770ae1b45ccfe31c8e06cf6272476af76af45e224f1626ce"
POETRY_2_HASH = "8430f47683b99e61602b683150b19560d0c3d768dc8b641a46c9d4a3f6f33f01"


def poetry_lock(content_hash, click="8.1.0"):
    packages = f'[[package]]\nname = "click"\nversion = "{click}"\n\n[[package]]\nname = "attrs"\nversion = "24.1.0"\n'
    return f'{packages}\n[metadata]\nlock-version = "2.1"\ncontent-hash = "{content_hash}"\n'


PIPFILE = """[[source]]
url = "https://pypi.org/simple"
verify_ssl = true
name = "pypi"

[packages]
click = "*"

[dev-packages]
attrs = ">=22"

[requires]
python_version = "3.11"
"""
PIPFILE_HASH = "c974844fde628797be5e95aff1420601947222b67f6c23900ffda8b9911f552d"


def pipfile_lock(sha256=PIPFILE_HASH, **default):
    body = {"_meta": {"hash": {"sha256": sha256}}, "default": default or {"click": {}}, "develop": {"attrs": {}}}
    return json.dumps(body)


HASHED = "click==8.1.0 \\\n    --hash=sha256:ab \\\n    --hash=sha256:cd\n"
GEMFILE = 'source "https://rubygems.org"\ngem "rails", "~> 8.0", ">= 8.0.1"\ngem "puma" # server\n# gem "old"\n'
GEMS = "GEM\n  specs:\n    puma (6.4)\n\nDEPENDENCIES\n  puma\n  rails (~> 8.0, >= 8.0.1)\n\nBUNDLED WITH\n   2.5\n"
COMPOSER = {"name": "a/b", "require": {"php": ">=8.2", "ext-json": "*", "laravel/framework": "^12.0"}, "extra": {}}
COMPOSER_HASH = "d4a2f802e801343e6df733fbee30642a"


def composer_lock(content_hash="0", version="v12.1.0"):
    packages = [{"name": "laravel/framework", "version": version}]
    return json.dumps({"content-hash": content_hash, "packages": packages, "packages-dev": []})


GO = "module x\n\ngo 1.23\n\nrequire (\n\tgithub.com/a/b v1.2.3\n\tgithub.com/c/d v0.1.0 // indirect\n)\n"
GO_SUM = "github.com/a/b v1.2.3 h1:x=\ngithub.com/a/b v1.2.3/go.mod h1:y=\ngithub.com/c/d v0.1.0/go.mod h1:z=\n"
AGAIN = {"left-pad": "^1.3.0", "is-odd": "3.0.1"}

CASES = {
    "npm": ({"package.json": package(), "package-lock.json": npm(LEFT)}, "package.json", State.LOCKED),
    "npm, added": ({"package.json": package(AGAIN), "package-lock.json": npm(LEFT)}, "package.json", State.STALE),
    "npm, other range": (
        {"package.json": package({"left-pad": "^2.0.0"}), "package-lock.json": npm(LEFT)},
        "package.json",
        State.STALE,
    ),
    "npm, removed": ({"package.json": package(), "package-lock.json": npm(AGAIN)}, "package.json", State.STALE),
    "npm, none": ({"package.json": package()}, "package.json", State.MISSING),
    "npm, nothing needed": ({"package.json": '{"scripts": {"build": "x"}}'}, "package.json", State.NOTHING),
    "npm, broken lock": ({"package.json": package(), "package-lock.json": "{"}, "package.json", State.UNTOLD),
    "npm, hostile shape": ({"package.json": '{"dependencies": 5}'}, "package.json", State.NOTHING),
    "npm, nested too deeply": ({"package.json": "[" * 100_000}, "package.json", State.UNTOLD),
    "npm 6": (
        {
            "package.json": package(),
            "package-lock.json": '{"lockfileVersion": 1, "dependencies": {"left-pad": {"version": "1.3.0"}}}',
        },
        "package.json",
        State.LOCKED,
    ),
    "npm 6, other range": (
        {
            "package.json": package(),
            "package-lock.json": '{"lockfileVersion": 1, "dependencies": {"left-pad": {"version": "1.2.9"}}}',
        },
        "package.json",
        State.STALE,
    ),
    "npm workspace": (
        {
            "package.json": package(workspaces=["packages/*"]),
            "package-lock.json": npm(LEFT, **{"packages/a": {"dependencies": {"is-even": "^1.0.0"}}}),
            "packages/a/package.json": package({"is-even": "^1.0.0"}),
        },
        "packages/a/package.json",
        State.LOCKED,
    ),
    "npm, an own package inside": (
        {"package.json": package(), "package-lock.json": npm(LEFT), "functions/package.json": package()},
        "functions/package.json",
        State.MISSING,
    ),
    "npm, of a test": ({"test/fixtures/package.json": package()}, "test/fixtures/package.json", State.ASIDE),
    "pnpm": ({"package.json": package(), "pnpm-lock.yaml": PNPM}, "package.json", State.LOCKED),
    "pnpm, added": ({"package.json": package(AGAIN), "pnpm-lock.yaml": PNPM}, "package.json", State.STALE),
    "pnpm 7": ({"package.json": package(), "pnpm-lock.yaml": PNPM_5}, "package.json", State.LOCKED),
    "pnpm, overridden": ({"package.json": package(), "pnpm-lock.yaml": PNPM_OVERRIDDEN}, "package.json", State.LOCKED),
    "pnpm, aliases": (
        {"package.json": package(), "pnpm-lock.yaml": "a: &a [1]\nb: [" + "*a, " * 99 + "]\n"},
        "package.json",
        State.UNTOLD,
    ),
    "yarn 1": ({"package.json": package(), "yarn.lock": YARN}, "package.json", State.LOCKED),
    "yarn 1, other range": (
        {"package.json": package({"left-pad": "^1.4.0"}), "yarn.lock": YARN},
        "package.json",
        State.STALE,
    ),
    "yarn 1, own package": (
        {
            "package.json": package({"left-pad": "^1.3.0", "own": "1.0.0"}),
            "yarn.lock": YARN,
            "own/package.json": '{"name": "own"}',
        },
        "package.json",
        State.LOCKED,
    ),
    "yarn 4": ({"package.json": package(), "yarn.lock": BERRY}, "package.json", State.LOCKED),
    "yarn 4, added": ({"package.json": package(AGAIN), "yarn.lock": BERRY}, "package.json", State.STALE),
    "bun": ({"package.json": package(), "bun.lock": BUN}, "package.json", State.LOCKED),
    "bun, added": ({"package.json": package(AGAIN), "bun.lock": BUN}, "package.json", State.STALE),
    "bun, binary": ({"package.json": package(), "bun.lockb": None}, "package.json", State.UNTOLD),
    "uv": ({"pyproject.toml": PROJECT + GROUPS, "uv.lock": UV}, "pyproject.toml", State.LOCKED),
    "uv, removed": ({"pyproject.toml": PROJECT, "uv.lock": UV}, "pyproject.toml", State.STALE),
    "uv, other range": (
        {"pyproject.toml": PROJECT.replace("8", "7") + GROUPS, "uv.lock": UV},
        "pyproject.toml",
        State.STALE,
    ),
    "uv, none": ({"pyproject.toml": PROJECT}, "pyproject.toml", State.MISSING),
    "tools only": ({"pyproject.toml": "[tool.ruff]\nline-length = 100\n"}, "pyproject.toml", State.NOTHING),
    "broken project": ({"pyproject.toml": "[["}, "pyproject.toml", State.UNTOLD),
    "hostile project": ({"pyproject.toml": "project = 5\ntool = 5\n"}, "pyproject.toml", State.UNTOLD),
    "poetry": ({"pyproject.toml": POETRY, "poetry.lock": poetry_lock(POETRY_HASH)}, "pyproject.toml", State.LOCKED),
    "poetry 2": (
        {"pyproject.toml": POETRY_2, "poetry.lock": poetry_lock(POETRY_2_HASH)},
        "pyproject.toml",
        State.LOCKED,
    ),
    "poetry, another hash": (
        {"pyproject.toml": POETRY, "poetry.lock": poetry_lock("0" * 64)},
        "pyproject.toml",
        State.UNTOLD,
    ),
    "poetry, other range": (
        {"pyproject.toml": POETRY, "poetry.lock": poetry_lock("0" * 64, click="7.0.0")},
        "pyproject.toml",
        State.STALE,
    ),
    "pipenv": ({"Pipfile": PIPFILE, "Pipfile.lock": pipfile_lock()}, "Pipfile", State.LOCKED),
    "pipenv, another hash": ({"Pipfile": PIPFILE, "Pipfile.lock": pipfile_lock("0" * 64)}, "Pipfile", State.UNTOLD),
    "pipenv, added": ({"Pipfile": PIPFILE, "Pipfile.lock": pipfile_lock(requests={})}, "Pipfile", State.STALE),
    "pip, hashed": ({"requirements.txt": HASHED}, "requirements.txt", State.LOCKED),
    "pip, made by a tool": (
        {"requirements.txt": "click==8.1.0\n    # via flask\nflask==3.0.0\n"},
        "requirements.txt",
        State.LOCKED,
    ),
    "pip, exact": ({"requirements.txt": "click==8.1.0\n"}, "requirements.txt", State.UNTOLD),
    "pip, exact and not all": ({"requirements.txt": "Flask==3.0.0\n"}, "requirements.txt", State.UNPINNED),
    "pip, loose": ({"requirements.txt": "flask>=3\n-r other.txt\n"}, "requirements.txt", State.UNPINNED),
    "pip, wildcard": ({"requirements.txt": "flask==3.*\n"}, "requirements.txt", State.UNPINNED),
    "pip, commit": (
        {"requirements.txt": f"x @ git+https://git.example/x@{'a' * 40}\n{HASHED}"},
        "requirements.txt",
        State.UNTOLD,
    ),
    "pip, constraints": (
        {"requirements.txt": "-c bounds.txt\nclick\n", "bounds.txt": "click==8.1.0\n"},
        "requirements.txt",
        State.LOCKED,
    ),
    "pip, development": ({"requirements-dev.txt": "pytest\n"}, "requirements-dev.txt", State.ASIDE),
    "pip, compiled": ({"requirements.in": "click>8\n", "requirements.txt": HASHED}, "requirements.in", State.LOCKED),
    "pip, compiled before": (
        {"requirements.in": "click\nitsdangerous\n", "requirements.txt": HASHED},
        "requirements.in",
        State.STALE,
    ),
    "pip, never compiled": ({"requirements.in": "click\n"}, "requirements.in", State.MISSING),
    "bundler": ({"Gemfile": GEMFILE, "Gemfile.lock": GEMS}, "Gemfile", State.LOCKED),
    "bundler, added": ({"Gemfile": GEMFILE + 'gem "pg"\n', "Gemfile.lock": GEMS}, "Gemfile", State.STALE),
    "bundler, conditional": (
        {"Gemfile": GEMFILE + 'gem "pg" if ENV["PG"]\n', "Gemfile.lock": GEMS},
        "Gemfile",
        State.UNTOLD,
    ),
    "bundler, other range": (
        {"Gemfile": GEMFILE.replace("8.0.1", "8.0.2"), "Gemfile.lock": GEMS},
        "Gemfile",
        State.STALE,
    ),
    "bundler, none": ({"Gemfile": GEMFILE}, "Gemfile", State.MISSING),
    "composer": (
        {"composer.json": json.dumps(COMPOSER), "composer.lock": composer_lock(COMPOSER_HASH)},
        "composer.json",
        State.LOCKED,
    ),
    "composer, another hash": (
        {"composer.json": json.dumps(COMPOSER), "composer.lock": composer_lock()},
        "composer.json",
        State.UNTOLD,
    ),
    "composer, other range": (
        {"composer.json": json.dumps(COMPOSER), "composer.lock": composer_lock(version="v11.0.0")},
        "composer.json",
        State.STALE,
    ),
    "go": ({"go.mod": GO, "go.sum": GO_SUM}, "go.mod", State.LOCKED),
    "go, added": ({"go.mod": GO + "require github.com/e/f v1.0.0\n", "go.sum": GO_SUM}, "go.mod", State.STALE),
    "go, replaced by a folder": (
        {"go.mod": GO + "require github.com/e/f v1.0.0\nreplace github.com/e/f => ../f\n", "go.sum": GO_SUM},
        "go.mod",
        State.LOCKED,
    ),
    "go, none": ({"go.mod": GO}, "go.mod", State.MISSING),
    "cargo": ({"Cargo.toml": "x", "Cargo.lock": "y"}, "Cargo.toml", State.UNTOLD),
    "cargo, none": ({"Cargo.toml": "x"}, "Cargo.toml", State.MISSING),
}


@pytest.mark.parametrize(("files", "manifest", "state"), CASES.values(), ids=list(CASES))
def test_a_manifest_is_pinned_as_its_tool_would_say(files, manifest, state):
    assert states(files)[manifest] is state


def test_the_difference_is_named():
    (pinning,) = look(tree({"package.json": package(AGAIN), "package-lock.json": npm({"left-pad": "1", "old": "1"})}))
    assert pinning.detail == (
        "not in the lock file: is-odd; no longer asked for: old; asked for otherwise: left-pad (^1.3.0, locked for 1)"
    )


def test_of_two_lock_files_each_is_compared():
    found = look(tree({"package.json": package(AGAIN), "package-lock.json": npm(LEFT), "bun.lock": BUN}))
    assert {pinning.lock: pinning.state for pinning in found} == {
        "package-lock.json": State.STALE,
        "bun.lock": State.STALE,
    }


def test_what_is_installed_or_vendored_is_not_a_manifest():
    assert look(tree({"node_modules/x/package.json": package(), "vendor/go.mod": GO})) == ()


@pytest.mark.parametrize(
    ("asked", "version", "answer"),
    [
        ("^1.2.3", "1.9.0", True),
        ("^1.2.3", "2.0.0", False),
        ("^0.2.3", "0.2.9", True),
        ("^0.2.3", "0.3.0", False),
        ("^0.0.3", "0.0.4", False),
        ("~1.2", "1.2.9", True),
        ("~1.2", "1.3.0", False),
        ("~> 7.1", "7.2.0", True),
        ("~> 7.1.2", "7.2.0", False),
        (">=1 <3", "2.5.0", True),
        (">= 1, < 3", "3.0.0", False),
        ("1.x", "1.7.0", True),
        ("1.2.*", "1.3.0", False),
        ("1.2 - 2.0", "1.5.0", True),
        ("^1.0 || ^2.0", "2.4.0", True),
        ("3.0.1", "3.0.2", False),
        ("*", "9.9.9", True),
        ("latest", "1.0.0", None),
        ("git+https://git.example/x", "1.0.0", None),
        ("^2.0", "2.0.0-beta.1", None),
    ],
)
def test_ranges_are_read_as_people_write_them(asked, version, answer):
    assert allows(asked, version) is answer


@given(
    manifest=st.sampled_from(["package.json", "pyproject.toml", "requirements.txt", "Pipfile", "Gemfile", "go.mod"]),
    text=st.text(max_size=200),
    lock=st.text(max_size=200),
)
def test_no_text_whatever_breaks_the_comparison(manifest, text, lock):
    assert is_manifest(manifest)
    locks = ("package-lock.json", "pnpm-lock.yaml", "yarn.lock", "uv.lock", "poetry.lock", "Pipfile.lock", "go.sum")
    look(tree({manifest: text, **dict.fromkeys(locks, lock)}))


@given(asked=st.text(max_size=20), version=st.text("0123456789.v-", max_size=10))
def test_no_range_whatever_breaks_the_comparison(asked, version):
    assert allows(asked, version) in (True, False, None)
