"""The first command of the README, as a newcomer runs it, and what it leaves behind."""

import base64
import json
import os
import socket
import subprocess
import sys
import urllib.parse
from pathlib import Path

import jsonschema
import pytest
import yaml

from launchready_lib import checks, demo, roadmap
from launchready_lib.demo.faults import PROTOTYPE
from launchready_lib.paths import PACKAGE

pytestmark = [pytest.mark.world, pytest.mark.browser, pytest.mark.timeout(900)]


def launchready(*arguments, cwd=None, **environment):
    tool = Path(sys.executable).parent / "launchready"
    return subprocess.run(
        [tool, *arguments],
        env={**os.environ, **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def demo_run(tmp_path_factory, alone):
    """`launchready demo` in a folder that is no project, after a launch that was audited there before."""
    folder = tmp_path_factory.mktemp("anywhere") / "output" / demo.SLUG
    (folder / "launch").mkdir(parents=True)
    (folder / "launch" / "kept.txt").write_text("of the demo before")
    with alone():
        return launchready("demo", cwd=folder.parent.parent), folder


@pytest.fixture(scope="module")
def audits(demo_run):
    _, folder = demo_run
    return {r: json.loads((folder / r / "findings.json").read_text()) for r in ("prototype", "launch")}


def test_demo_ends_well_with_two_reports(demo_run):
    ran, folder = demo_run
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    assert "Traceback" not in ran.stderr
    assert all((folder / release / "report.html").exists() for release in ("prototype", "launch"))


def test_what_an_earlier_demo_left_is_set_aside_whole(demo_run):
    _, folder = demo_run
    assert [file.name for file in (folder / "launch~1").iterdir()] == ["kept.txt"]


def test_the_prototype_is_a_no_go_for_its_faults_and_the_launch_shows_them_fixed(audits):
    assert audits["prototype"]["verdict"] == "no_go"
    assert audits["launch"]["verdict"] in ("go", "conditional")
    failing = {f["check"] for f in audits["prototype"]["findings"] if f["status"] == "fail"}
    assert failing >= PROTOTYPE
    assert set(audits["launch"]["changes"]["fixed"]) == failing
    assert [f["check"] for f in audits["launch"]["findings"] if f["status"] == "fail"] == []


def test_nothing_of_the_launch_is_unknown_but_what_is_not_built(audits):
    unknown = {f["check"]: f["reason"] for f in audits["launch"]["findings"] if f["status"] == "unknown"}
    assert set(unknown) == set(roadmap.load().checks) - set(checks.registered()), unknown


def test_findings_json_keeps_its_contract(audits):
    schema = json.loads((PACKAGE / "findings.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    for audit in audits.values():
        assert list(validator.iter_errors(audit)) == []
        assert [f["check"] for f in audit["findings"] if f.get("defect")] == []


def test_the_record_is_closed_to_others_and_whole(demo_run):
    _, folder = demo_run
    for path in (folder / "prototype").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path.name
        kept = "kit" in path.relative_to(folder).parts
        assert kept or not path.name.startswith((".", "tmp")), f"{path.name} is a leftover"
    manifest = json.loads((folder / "prototype" / "manifest.json").read_text())
    assert manifest["complete"]
    assert {stage["status"] for stage in manifest["stages"]} == {"complete"}


def test_the_report_is_small_enough_to_mail(demo_run):
    _, folder = demo_run
    for release in ("prototype", "launch"):
        assert (folder / release / "report.html").stat().st_size < 1_200_000


def forms_of(secret):
    """A secret as it might slip out: raw, percent-encoded, and base64 in its three alignments."""
    raw = secret.encode()
    yield secret
    yield urllib.parse.quote(secret, safe="")
    for shift in range(3):
        encoded = base64.b64encode(b"x" * shift + raw).decode()
        yield encoded[4 if shift else 0 : len(encoded) - 4]


def test_no_secret_of_the_environment_is_in_anything_written_or_said(tmp_path):
    """Also where a stage fails: the member's password is then in hand, and the traceback is kept."""
    with demo.start(release="prototype", folder=None) as world:
        canaries = dict(world.environment)
        ran = launchready(
            *("run", str(world.parameters_file), "--stages", "3,6", "--output", str(tmp_path / "output")), **canaries
        )
    written = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert ran.returncode in (1, 3, 4), ran.stderr
    assert len(written) >= 5
    for name, secret in canaries.items():
        for form in forms_of(secret):
            assert form not in ran.stdout + ran.stderr, name
            assert [p.name for p, content in written.items() if form.encode() in content] == [], name


def test_a_dead_site_with_living_names_is_a_no_go_without_traceback(tmp_path):
    with demo.start() as world:
        world.stop_servers()
        ran = launchready("run", str(world.parameters_file), "--output", str(tmp_path), **world.environment)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    audit = json.loads(next(tmp_path.rglob("findings.json")).read_text())
    found = {f["check"]: f for f in audit["findings"]}
    failing = {check for check, f in found.items() if f["status"] == "fail"}
    assert failing == {"uptime.now", "domain.resolves"}
    for check in ("headers.hsts", "tls.certificate", "flows.login", "latency.quick", "pages.interactive"):
        assert found[check]["status"] == "unknown", check
        assert found[check]["reason"]
    assert not any(f.get("defect") for f in audit["findings"])
    assert "Traceback" not in json.dumps(audit)


def test_without_our_own_network_nothing_is_said_of_the_site(tmp_path):
    with demo.start() as world, socket.create_server(("127.0.0.1", 0)) as closed_later:
        cut_off = yaml.safe_load(world.parameters_file.read_text())
        nowhere = f"127.0.0.1:{closed_later.getsockname()[1]}"
        closed_later.close()
        network = cut_off["client"]["network"]
        network["nameservers"] = [nowhere]
        network["timeout_s"] = 3
        network["connect_to"] = dict.fromkeys(network["connect_to"], nowhere)
        given = tmp_path / "cut-off.yaml"
        given.write_text(yaml.safe_dump(cut_off))
        ran = launchready("run", str(given), "--output", str(tmp_path / "output"), **world.environment)
    assert ran.returncode == 3, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    audit = json.loads(next(tmp_path.rglob("findings.json")).read_text())
    known = {f["check"] for f in audit["findings"] if f["status"] in ("pass", "fail")}
    on_disk = ("build.", "deploy.", "environment.", "overbuild.", "queries.", "rollback.path", "secrets.")
    told = ("handover.access",)
    beyond = {check for check in known if not check.startswith((*on_disk, *told))}
    assert beyond == set(), "only files and what the founder says can be known without a network"
    assert not any(f.get("defect") for f in audit["findings"])
