"""build.clean: a fresh clone builds with the declared commands alone. build.locked: every library is pinned."""

import shlex
import sys

import pytest

from launchready_lib.checks.stabilize_deployment import build
from launchready_lib.checks.stabilize_deployment.running import Run
from launchready_lib.client import Client
from launchready_lib.evidence import Unavailable
from launchready_lib.parameters import load
from launchready_lib.record.findings import Status
from launchready_lib.sources import repository
from launchready_lib.sources.locks import Pinning, State
from tests.checkouts import git, new_checkout

pytestmark = pytest.mark.anyio
FAIL, PASS, UNKNOWN = Status.FAIL, Status.PASS, Status.UNKNOWN
DONE = Run("make", "exited", 0, 3.2, "built")


@pytest.fixture
def try_build(tmp_path):
    """Build a repository made of files, as the notebook does."""
    commit = new_checkout(tmp_path / "app")

    async def judge(files, commands, *, allow=("build",), after=None, **more):
        folder = commit({"README.md": "An app.\n", **files})
        if after:
            after(folder)
        who = {"granted_by": "founder", "granted_on": "2026-11-01", "hosts": ["acme.example"], "allow": list(allow)}
        content = {"name": "Acme", "domain": "acme.example", "release": "1.0", "authorization": who}
        content["repository"] = {"path": str(folder), "build": commands, **more}
        client = Client(load(content), root=tmp_path, environment={})
        return build.clean(await build.tried(client))

    return judge


def python(program):
    """A command line that runs this program."""
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(program)}"


WRITES = "import pathlib; pathlib.Path('dist').mkdir(); pathlib.Path('dist/x').write_text('x')"


async def test_a_build_that_succeeds_and_leaves_the_tree_as_it_was_passes(try_build):
    verdict = await try_build({".gitignore": "dist/\n"}, [python(WRITES), python("print('two')")])
    assert verdict.status is PASS
    assert "2 declared commands" in verdict.summary
    assert verdict.evidence[1]["last_output"] == "two"


async def test_a_build_that_leaves_new_files_which_git_does_not_ignore_fails(try_build):
    verdict = await try_build({}, [python(WRITES)])
    assert verdict.status is FAIL
    assert "dist/" in verdict.summary


async def test_a_build_that_changes_a_tracked_file_fails(try_build):
    verdict = await try_build({"lock": "1"}, [python("open('lock', 'w').write('2')")])
    assert verdict.status is FAIL
    assert verdict.about == ("lock",)


async def test_a_build_that_needs_an_untracked_file_fails_and_shows_its_last_words(try_build):
    def leave(folder):
        (folder / "local.txt").write_text("here only")

    verdict = await try_build({}, [python("open('local.txt')"), python("print('never')")], after=leave)
    assert verdict.status is FAIL
    assert "local.txt" in verdict.evidence[0]["last_output"]
    assert len(verdict.evidence) == 1


async def test_client_code_runs_only_where_it_is_allowed(try_build, tmp_path):
    mark = tmp_path / "mark"
    verdict = await try_build({}, [python(f"open({str(mark)!r}, 'w')")], allow=())
    assert (verdict.status, verdict.needs) == (UNKNOWN, "authorization.allow: [build]")
    assert not mark.exists()


async def test_without_a_command_it_is_unknown(try_build):
    verdict = await try_build({}, [])
    assert verdict.status is UNKNOWN
    assert "repository.build" in verdict.needs


@pytest.mark.parametrize(
    ("run", "needs"),
    [
        (Run("make", "time", None, 300.0), "limits.stage_minutes"),
        (Run("make", "memory", None, 3.0), "more room"),
        (Run("make", "exited", -9, 3.0), "more room"),
        (Run("bun install", "not started", None, 0.0), "bun on this machine"),
    ],
    ids=["time", "memory", "killed", "no program"],
)
def test_what_lies_with_this_machine_is_unknown_and_no_failure(run, needs):
    verdict = build.clean(build.BuildEvidence("a" * 40, (run,)))
    assert verdict.status is UNKNOWN
    assert needs in verdict.needs


def built(seconds=3.2, **more):
    return build.BuildEvidence("0123456789abcdef", (Run("make", "exited", 0, seconds, "built"),), **more)


@pytest.mark.parametrize(
    ("evidence", "says"),
    [
        (built(), "of 0123456789ab builds in 3.2 s with 1 declared command; the tree is unchanged"),
        (built(10.0), "builds in 10 s with"),
        (built(lent=("API_URL",)), "1 declared command, given settings of development (1 variable);"),
    ],
    ids=["seconds", "ten seconds", "lent settings"],
)
def test_a_build_that_went_well_says_how(evidence, says):
    verdict = build.clean(evidence)
    assert verdict.status is PASS
    assert says in verdict.summary
    assert verdict.evidence[0]["commit"] == "0123456789ab"


def test_of_many_files_that_a_build_leaves_the_first_are_named():
    verdict = build.clean(built(changes=tuple({"file": f"f{n}", "change": "new"} for n in range(7))))
    assert verdict.status is FAIL
    assert verdict.summary.endswith("f0, f1, f2, f3, f4 and 2 more")
    assert (len(verdict.evidence), verdict.effort_hours) == (8, 1)


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("first\n  the cause\n\n  \n", "`make` exited with 2: the cause"),
        ("", "`make` exited with 2"),
        ("x" * 2000, f"`make` exited with 2: {'x' * 160}"),
    ],
    ids=["the last line", "silent", "long"],
)
def test_a_build_that_stops_says_its_last_words(output, says):
    verdict = build.clean(build.BuildEvidence("0123456789abcdef", (DONE, Run("make", "exited", 2, 1.0, output))))
    assert (verdict.status, verdict.summary) == (FAIL, f"The build of a fresh clone stops: {says}")
    assert verdict.evidence[0]["commit"] == "0123456789ab"
    assert len(verdict.evidence[0]["last_output"]) == len(output.strip()[-1200:])


def test_a_script_of_the_repository_that_is_not_there_is_a_failure():
    run = Run("./build.sh", "not started", None, 0.0, why="No such file or directory")
    assert build.clean(build.BuildEvidence("a" * 40, (run,))).status is FAIL


def test_a_build_of_a_clone_that_lacks_submodules_is_unknown():
    run = Run("make", "exited", 2, 1.0)
    verdict = build.clean(build.BuildEvidence("a" * 40, (run,), incomplete=("the submodule lib",)))
    assert verdict.status is UNKNOWN
    assert "the submodule lib" in verdict.reason


NEEDS = "import os; print('building for ' + os.environ['API_URL'])"


async def test_a_build_that_needs_settings_gets_those_of_development_and_never_shows_them(try_build):
    def leave(folder):
        (folder / ".env.dev").write_text("API_URL=https://opaque-value.example/9f8a7b6c\n")

    files = {"build.py": NEEDS}
    where = {"env_files": {"development": ".env.dev"}}
    verdict = await try_build(files, [f"{sys.executable} build.py"], after=leave, **where)
    assert verdict.status is PASS
    assert "settings of development" in verdict.summary
    assert "9f8a7b6c" not in str(verdict.evidence)


async def test_a_build_that_needs_settings_nobody_gives_is_unknown(try_build):
    verdict = await try_build({"build.py": NEEDS}, [f"{sys.executable} build.py"])
    assert verdict.status is UNKNOWN
    assert "API_URL" in verdict.reason


async def test_what_a_build_prints_is_redacted(try_build):
    key = "sk_live_" + "9aB3" * 8
    verdict = await try_build({}, [python(f"print('{key[:12]}' + '{key[12:]}')")])
    assert verdict.status is PASS
    assert key not in str(verdict.evidence)


async def test_pip_installs_into_a_python_of_the_builds_own(try_build):
    code = "import sys, os; assert sys.prefix == os.environ['VIRTUAL_ENV'] != sys.base_prefix"
    verdict = await try_build({"requirements.txt": "\n"}, ["pip --version", f"python -c {shlex.quote(code)}"])
    assert verdict.status is PASS


def locks(*states):
    pinnings = [Pinning(f"{n}/package.json", "npm", state, "lock", "why", 2) for n, state in enumerate(states)]
    return build.LockEvidence("a" * 40, 9, tuple(pinnings))


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ([State.LOCKED, State.LOCKED], PASS),
        ([State.LOCKED, State.ASIDE, State.NOTHING], PASS),
        ([State.LOCKED, State.MISSING], FAIL),
        ([State.STALE, State.UNTOLD], FAIL),
        ([State.UNPINNED], FAIL),
        ([State.LOCKED, State.UNTOLD], UNKNOWN),
        ([State.NOTHING], UNKNOWN),
        ([], UNKNOWN),
    ],
)
def test_one_manifest_decides_for_all(states, status):
    verdict = build.locked(locks(*states))
    assert verdict.status is status
    assert verdict.needs or status is not UNKNOWN
    assert not verdict.defect
    if State.UNTOLD not in states or status is UNKNOWN:
        assert len(verdict.evidence) == len(states)


def pinning(name, state, detail="why", libraries=2):
    return Pinning(name, "npm", state, "lock", detail, libraries)


WRONG = "; ".join(f"{n}: not pinned" for n in "abcde")


@pytest.mark.parametrize(
    ("pinnings", "says"),
    [
        ([pinning("a", State.LOCKED), pinning("b", State.LOCKED, "", 1)], "2 manifests with 3 libraries: each has"),
        ([pinning("a", State.LOCKED, "", 1)], "1 manifest with 1 library: each has"),
        (
            [pinning("a", State.STALE), pinning("b", State.MISSING, "")],
            "a: lock file out of date (why); b: no lock file",
        ),
        ([pinning(n, State.UNPINNED, "") for n in "abcde"], WRONG),
        ([pinning(n, State.UNPINNED, "") for n in "abcdef"], f"{WRONG}; and 1 more"),
        ([pinning(n, State.UNTOLD, n.upper()) for n in "abcd"], "pinned (a: A; b: B; c: C)"),
        ([pinning("a", State.UNTOLD, "")], "pinned (a: cannot be told from the files alone)"),
        ([pinning("a", State.NOTHING)], "none of 9 tracked files names a library"),
    ],
    ids=["libraries", "one library", "wrong", "five", "six", "untold", "untold without a word", "nothing"],
)
def test_manifests_are_named_with_what_is_wrong(pinnings, says):
    summary = build.locked(build.LockEvidence("a" * 40, 9, tuple(pinnings))).summary
    assert summary.endswith(says) or (says.endswith("each has") and summary.startswith(says))


def test_lock_files_count_as_committed_and_not_as_they_lie_there(tmp_path):
    commit = new_checkout(tmp_path / "app")
    folder = commit({"package.json": '{"dependencies": {"a": "1"}}', ".gitignore": "package-lock.json\n"})
    (folder / "package-lock.json").write_text('{"packages": {"": {"dependencies": {"a": "1"}}}}')
    evidence = build.read_locks(repository.open_at(folder))
    assert [pinning.state for pinning in evidence.pinnings] == [State.MISSING]
    git(folder, "add", "-f", "package-lock.json")
    commit()
    assert build.locked(build.read_locks(repository.open_at(folder))).status is PASS


def test_no_repository_is_unknown_and_names_the_parameter():
    assert build.locked(Unavailable("no repository was given", "repository.path")).needs == "repository.path"
