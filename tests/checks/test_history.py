"""secrets.history: whatever was ever committed is found once, told where it lives, and nothing harmless fails."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from launchready_lib.checks.stabilize_deployment import history
from launchready_lib.evidence import Unavailable
from launchready_lib.parameters import load
from launchready_lib.record.findings import Status
from launchready_lib.sources import repository
from launchready_lib.sources.credentials import Credential, Standing, engine, fingerprint
from launchready_lib.sources.history import Reach, Trace, objects, sightings
from tests.checkouts import git, new_checkout, noise
from tests.planted import REACHABLE, UNREACHABLE, key, live, plant
from tests.replayed import digest, replay

CONTENT = {"name": "Acme", "domain": "acme.example", "release": "1.0"}


def read(folder, **known):
    opened = repository.open_at(folder)
    if isinstance(opened, Unavailable):
        return opened
    return history.read_history(opened, load(CONTENT | {"repository": {"path": "app", **known}}))


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    folder, values, harmless = plant(tmp_path_factory.mktemp("planted") / "app")
    return folder, values, harmless, read(folder)


def traced(planted, value):
    found = [trace for trace in planted[3].traces if trace.credential.fingerprint == fingerprint(value)]
    assert len(found) <= 1, "one value is one row"
    return found[0] if found else None


@pytest.mark.parametrize("place", REACHABLE)
def test_what_a_branch_or_tag_leads_to_is_found_and_fails(planted, place):
    trace = traced(planted, planted[1][place])
    assert trace is not None
    assert trace.is_leak
    assert len(trace.commit) == 40
    assert trace.date == "2026-10-01"


@pytest.mark.parametrize("place", UNREACHABLE)
def test_what_nothing_leads_to_is_shown_and_never_fails(planted, place):
    trace = traced(planted, planted[1][place])
    assert trace is not None
    assert trace.credential.standing is Standing.SECRET
    assert not trace.is_leak
    assert trace.reach is (Reach.STASH if place == "stash" else Reach.LOOSE)


def test_nothing_harmless_stands_as_a_secret(planted):
    """Public keys, examples, fixtures and expired tokens are folded; every row that fails was planted."""
    known = {fingerprint(value) for value in planted[1].values()}
    assert {t.credential.fingerprint for t in planted[3].traces if t.credential.is_leak} == known
    marks = {fingerprint(value) for value in planted[2].values()}
    assert not marks & known


@pytest.mark.parametrize(
    ("place", "lives", "at_head"),
    [
        ("head", "at HEAD: src/head.py:1", True),
        ("renamed", "at HEAD: new.py:1", True),
        ("merge", "at HEAD: src/merge.py:1", True),
        ("side", "in branch side: src/side.py", False),
        ("tag", "in tag v1.0: src/tag.py", False),
        ("deleted", "only in the history of branch main, branch side, tag v1.0", False),
        ("edited", "only in the history of branch main, branch side, tag v1.0", False),
        ("annotated", "in the message of a tag of commit {main}", False),
        ("nested", "in the message of a tag of commit {main}", False),
        ("message", "in the message of commit {message}", False),
        ("stash", "in a stash", False),
        ("dangling", "in no branch or tag", False),
    ],
)
def test_a_row_says_where_the_value_lives_now(planted, place, lives, at_head):
    trace = traced(planted, planted[1][place])
    marks = {"main": "v1.1^{commit}", "message": "v1.0~1"}
    named = {name: git(planted[0], "rev-parse", mark).stdout.decode()[:12] for name, mark in marks.items()}
    assert (trace.lives, trace.at_head) == (lives.format(**named), at_head)


def test_the_place_is_the_line_in_the_whole_file(planted):
    """Only new lines are read again, but the line that is named is the file's own."""
    assert traced(planted, planted[1]["edited"]).credential.places == ("src/edited.py:41",)


def test_the_verdict_counts_and_shows_no_value(planted):
    verdict = history.history(planted[3])
    assert verdict.status is Status.FAIL
    assert f"{len(REACHABLE)} credentials stand in the history" in verdict.summary
    assert "3 more in a stash or in no branch" in verdict.summary
    assert "docs.stripe.com" in verdict.fix
    shown = json.dumps([verdict.summary, verdict.fix, verdict.evidence])
    for value in (*planted[1].values(), *planted[2].values()):
        assert value not in shown
        assert value[-12:] not in shown


def test_what_the_parameters_vouch_for_is_counted_and_passes(tmp_path):
    folder = new_checkout(tmp_path / "app")({"a.py": key("a"), "b.py": key("b"), "c.py": key("c")})
    entries = [
        {"fingerprint": fingerprint(live(seed)), "verdict": verdict, "reason": "looked at"}
        for seed, verdict in (("a", "rotated"), ("b", "rotated"), ("c", "false_alarm"))
    ]
    verdict = history.history(read(folder, known_secrets=entries))
    assert verdict.status is Status.PASS
    assert "2 recorded as rotated and 1 recorded as a false alarm" in verdict.summary
    assert history.history(read(folder, known_secrets=entries[1:])).status is Status.FAIL


@pytest.mark.parametrize(
    ("options", "why"),
    [(["--depth=1"], "the clone is shallow"), (["--filter=blob:none"], "a partial clone")],
    ids=["shallow", "partial"],
)
def test_an_incomplete_clone_is_unknown_and_says_what_was_not_scanned(tmp_path, options, why):
    commit = new_checkout(tmp_path / "whole")
    commit({"a.py": "A = 1\n"})
    whole = commit({"a.py": "A = 2\n"})
    git(whole, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", *options, whole.as_uri(), str(tmp_path / "app"))
    verdict = history.history(read(tmp_path / "app"))
    assert verdict.status is Status.UNKNOWN
    assert why in verdict.reason
    assert "git fetch --unshallow" in verdict.needs
    assert any("why" in row for row in verdict.evidence)


def test_without_an_engine_our_own_layer_fails_what_it_sees_and_the_rest_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "program", lambda: None)
    commit = new_checkout(tmp_path / "app")
    folder = commit({"a.py": "A = 1\n"})
    verdict = history.history(read(folder))
    assert (verdict.status, verdict.needs) == (Status.UNKNOWN, "kingfisher-bin in this environment")
    assert history.history(read(commit({"b.py": key("b")}))).status is Status.FAIL


@pytest.mark.parametrize(
    ("body", "reason"), [("#!/bin/sh\nexit 3\n", "exit code 3"), ("#!/no/such/program\n", "did not run")]
)
def test_an_engine_that_breaks_leaves_our_own_layers_finds(tmp_path, monkeypatch, body, reason):
    broken = tmp_path / "kingfisher"
    broken.write_text(body)
    broken.chmod(0o755)
    monkeypatch.setattr(engine, "program", lambda: str(broken))
    commit = new_checkout(tmp_path / "app")
    verdict = history.history(read(commit({"a.py": "A = 1\n"})))
    assert verdict.status is Status.UNKNOWN
    assert reason in verdict.reason
    assert history.history(read(commit({"b.py": key("b")}))).status is Status.FAIL


def test_a_line_from_a_test_counts_where_it_stands_in_production_code_too(tmp_path):
    """A line that was read before is read again in another kind of place."""
    commit = new_checkout(tmp_path / "app")
    commit({"tests/test_a.py": key("a")})
    commit({"src/a.py": key("a")})
    git(tmp_path / "app", "rm", "-q", "src/a.py")
    verdict = history.history(read(commit({"README.md": "An app.\n"})))
    assert verdict.status is Status.FAIL
    assert verdict.evidence[0]["where"].startswith("src/a.py:1")


def test_an_unreachable_object_is_not_taken_from_another_repository(tmp_path):
    """Objects borrowed from a neighbour are the neighbour's: their secrets are not this client's."""
    other = new_checkout(tmp_path / "other")({"a.py": key("a")})
    folder = new_checkout(tmp_path / "app")({"b.py": "B = 1\n"})
    (folder / ".git/objects/info/alternates").write_text(f"{other}/.git/objects\n")
    evidence = read(folder)
    assert not [trace for trace in evidence.traces if trace.credential.is_leak]
    assert any("borrow" in gap["why"] for gap in evidence.gaps)


def test_a_project_full_of_example_keys_gives_the_planted_ones_and_nothing_else(tmp_path):
    """The rule of a real project, in small: benchmarks/secrets_history.py holds it over 4,000 commits."""
    values = replay(tmp_path / "app", 130)
    evidence = read(tmp_path / "app")
    assert {t.credential.fingerprint for t in evidence.traces if t.is_leak} == {fingerprint(v) for v in values.values()}
    assert not [t for t in evidence.traces if t.credential.standing is Standing.POSSIBLE]
    assert evidence.gaps == ()
    assert sum(evidence.folded.values()) + len(evidence.traces) > 60


def test_the_project_is_the_same_each_time(tmp_path):
    assert len({(replay(tmp_path / name, 30), digest(tmp_path / name))[1] for name in ("a", "b")}) == 1


def trace(standing=Standing.SECRET, reach=Reach.REACHABLE, *, at_head=False):
    told = Credential("3f9a1c77", "sk_live_… (32 characters)", "Stripe", "live key", "roll it", standing, ("a:1",), 1)
    return Trace(told, at_head, "only in the history", "0" * 40, "2026-10-01", reach)


@pytest.mark.parametrize("standing", [each for each in Standing if each is not Standing.SECRET])
def test_nothing_but_a_secret_fails(standing):
    assert history.history(history.HistoryEvidence(3, 9, (trace(standing),))).status is Status.PASS


EXAMPLE = Standing.EXAMPLE


@pytest.mark.parametrize(
    ("traces", "says"),
    [
        (
            (trace(at_head=True), trace(), trace(), trace(EXAMPLE)),
            "3 credentials stand in the history (Stripe), 2 of them",
        ),
        (
            (trace(), trace(reach=Reach.STASH)),
            "1 of them no longer in the current code; 1 more in a stash or in no branch",
        ),
        ((trace(reach=Reach.LOOSE),), "No live credential in 3 commits; 1 more in a stash or in no branch"),
        ((trace(Standing.ROTATED),), "No live credential in 3 commits; 1 recorded as rotated"),
    ],
    ids=["gone from the code", "in a stash too", "in a stash alone", "rotated"],
)
def test_leaks_are_counted_and_told_apart(traces, says):
    verdict = history.history(history.HistoryEvidence(3, 9, traces))
    assert says in verdict.summary
    assert sum("reachable" in row for row in verdict.evidence) == len(traces)


def test_what_was_not_counted_and_not_read_is_told():
    shown = history.HistoryEvidence(3, 9, (trace(), trace(EXAMPLE)), {"placeholder": 4}, aside={"symlinks": 2})
    for evidence, words in (
        (shown, ("4 placeholder, 1 in an example file", "2 symlinks")),
        (history.HistoryEvidence(3, 9), ("none", "nothing")),
    ):
        row = next(row for row in history.history(evidence).evidence if "commits" in row)
        assert (row["not_counted"], row["not_read"]) == words


@pytest.mark.parametrize(("number", "hours"), [(1, 1.5), (2, 2.0), (40, 16.0)])
def test_the_hours_grow_with_the_credentials_up_to_two_days(number, hours):
    assert history.history(history.HistoryEvidence(3, 9, (trace(),) * number)).effort_hours == hours


def test_no_repository_is_unknown_and_names_the_parameter():
    verdict = history.history(Unavailable("no repository was given", "repository.path"))
    assert (verdict.status, verdict.needs) == (Status.UNKNOWN, "repository.path")


def test_only_new_lines_come_again_with_their_neighbours():
    unseen = sightings.Unseen()
    lines = [f"line {number} with some text to pass the size of small files" for number in range(200)]
    unseen.of("a", "\n".join(lines).encode(), whole=False)
    lines[100] = "changed"
    excerpt = unseen.of("a", "\n".join(lines).encode(), whole=False)
    assert excerpt.content.split(b"\n")[2] == b"changed"
    assert [excerpt.line(n) for n in range(1, 6)] == [99, 100, 101, 102, 103]
    assert unseen.of("a", "\n".join(lines).encode(), whole=False) is None
    assert unseen.of("another kind", "\n".join(lines).encode(), whole=False) is not None


# --- nothing of theirs runs, nothing is sent -------------------------------------------------------------------------

CONFINED = """
import ctypes, struct, sys
sys.path.insert(0, sys.argv[1])
from launchready_lib.sources.credentials import engine
number = {"x86_64": 41, "aarch64": 198}[sys.argv[2]]
def op(code, jt, jf, k): return struct.pack("HBBI", code, jt, jf, k)
program = b"".join([
    op(0x20, 0, 0, 0), op(0x15, 0, 3, number),                       # not socket(): on
    op(0x20, 0, 0, 16), op(0x15, 2, 0, 2), op(0x15, 1, 0, 10),       # AF_INET, AF_INET6: die
    op(0x06, 0, 0, 0x7FFF0000), op(0x06, 0, 0, 0x80000000),
])
libc = ctypes.CDLL(None, use_errno=True)
body = ctypes.create_string_buffer(program)
filter = ctypes.create_string_buffer(struct.pack("HP", 7, ctypes.addressof(body)))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, filter, 0, 0) == 0
if sys.argv[3] != "as we run it":
    engine._OPTIONS = tuple(o for o in engine._OPTIONS if o not in ("--no-validate", "--no-update-check"))
print(engine.run([("a.py", sys.argv[4].encode())]))
"""


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"), reason="needs seccomp of Linux"
)
@pytest.mark.parametrize("how", ["as we run it", "with validation"])
def test_the_engine_tries_no_connection(how):
    """Under a filter that kills whoever opens an internet socket it finds all the same; validating, it is killed."""
    text = f"token = 'ghp_{noise(36)}'\n"
    root = str(Path(engine.__file__).parents[3])
    command = [sys.executable, "-c", CONFINED, root, platform.machine(), how, text]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, env={**os.environ})
    assert ("EngineFind" in done.stdout) is (how == "as we run it"), done.stderr


@pytest.fixture
def hostile(tmp_path):
    """A repository that tries to have something of its own run; its traps leave a file behind."""
    trap = tmp_path / "sprung"
    script = tmp_path / "trap.sh"
    script.write_text(f"#!/bin/sh\ntouch {trap}\ncat\n")
    script.chmod(0o755)
    commit = new_checkout(tmp_path / "app")
    folder = commit({"a.txt": "one\n", ".gitattributes": "* diff=evil filter=evil\n"})
    commit({"a.txt": "two\n"})
    for hook in ("post-checkout", "pre-auto-gc", "reference-transaction", "fsmonitor-watchman", "post-index-change"):
        (folder / ".git/hooks" / hook).write_text(script.read_text())
        (folder / ".git/hooks" / hook).chmod(0o755)
    settings = (
        "core.fsmonitor", "diff.evil.textconv", "diff.evil.command", "diff.external", "filter.evil.smudge",
        "filter.evil.clean", "core.pager", "pager.log", "gpg.program", "core.sshCommand", "core.editor",
        "credential.helper", "core.gitProxy", "alias.rev-list", "alias.cat-file",
    )  # fmt: skip
    for name in settings:
        git(folder, "config", name, str(script))
    for name, value in {
        "log.showSignature": "true", "log.showRoot": "false", "diff.renames": "copies", "core.quotePath": "true",
        "log.diffMerges": "off", "remote.origin.url": f"ext::{script}", "remote.origin.promisor": "true",
        "extensions.partialClone": "origin", "core.hooksPath": str(folder / ".git/hooks"),
    }.items():  # fmt: skip
        git(folder, "config", name, value)
    return commit, folder, trap


def test_nothing_of_a_hostile_repository_runs(hostile):
    """Hooks, fsmonitor, filters, textconv, pagers, promisors and submodules of odd addresses stay asleep."""
    _, folder, trap = hostile
    trap.unlink(missing_ok=True)
    modules = f'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c "touch {trap}"\n'
    blob = subprocess.run(
        ["git", "-C", str(folder), "hash-object", "-w", "--stdin", "--no-filters"],
        input=modules.encode(), capture_output=True, check=True,
    ).stdout.decode().strip()  # fmt: skip
    listing = f"100644 blob {blob}\t.gitmodules\n160000 commit {'1' * 40}\tx\n120000 blob {blob}\tout\n"
    made = subprocess.run(
        ["git", "-C", str(folder), "mktree", "--missing"], input=listing.encode(), capture_output=True, check=True
    ).stdout.decode().strip()  # fmt: skip
    oid = git(folder, "commit-tree", made, "-p", "HEAD", "-m", "submodule").stdout.decode().strip()
    git(folder, "update-ref", "refs/heads/modules", oid)
    trap.unlink(missing_ok=True)
    evidence = read(folder)
    assert not trap.exists()
    assert evidence.commits == 3
    assert evidence.aside == {"submodules": 1, "symlinks": 1}


def test_names_with_newlines_and_bytes_that_are_no_utf8_are_read(tmp_path):
    folder = new_checkout(tmp_path / "app")({"README.md": "An app.\n"})
    stream = b"commit refs/heads/main\ncommitter D <d@a.example> 1790000000 +0000\ndata 1\nx\n"
    names = (b'"src/a\\nb.py"', b'"src/\\377\\376.py"', b'"src/..."', b'":100644 x"', b'"src/<b>.py"')
    for number, name in enumerate(names):
        body = key(f"name{number}").encode()
        stream += b"M 100644 inline %b\ndata %d\n%b\n" % (name, len(body), body)
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    subprocess.run(
        ["git", "-C", str(folder), "fast-import", "--quiet", "--force"], input=stream, env=environment, check=True
    )
    evidence = read(folder)
    assert sum(trace.is_leak for trace in evidence.traces) == len(names)
    assert all(trace.at_head for trace in evidence.traces if trace.is_leak)


def test_a_huge_blob_is_named_and_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(objects, "MAX_BLOB_BYTES", 1000)
    folder = new_checkout(tmp_path / "app")({"dump.sql": b"x" * 5000 + key("a").encode()})
    verdict = history.history(read(folder))
    assert verdict.status is Status.UNKNOWN
    assert verdict.evidence[0]["not_read"] == "dump.sql"


@pytest.mark.parametrize(
    ("limit", "value", "why"),
    [("MAX_SIGHTINGS", 3, "look like credentials"), ("MAX_SCRATCH_BYTES", 50, "limit of text"), ("SECONDS", 0, "time")],
)
def test_a_limit_that_is_reached_is_said(tmp_path, monkeypatch, limit, value, why):
    files = {f"src/a{number}.py": key(f"{number}") for number in range(9)}
    folder = new_checkout(tmp_path / "app")(files)
    monkeypatch.setattr(sightings, limit, value)
    evidence = read(folder)
    assert any(why in str(gap["why"]) for gap in evidence.gaps)


def test_a_repository_whose_objects_are_broken_is_unknown(tmp_path):
    commit = new_checkout(tmp_path / "app")
    commit({"a.py": "A = 1\n"})
    folder = commit({"a.py": "A = 2\n"})
    first = git(folder, "rev-parse", "HEAD~1").stdout.decode().strip()
    broken = folder / ".git/objects" / first[:2] / first[2:]
    broken.chmod(0o600)
    broken.write_bytes(b"nothing")
    assert history.history(read(folder)).status is Status.UNKNOWN
