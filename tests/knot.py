"""Real knot servers on loopback, for what only a real authoritative server shows: signing, and zone transfer."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rdatatype
import pytest

KNOTD = shutil.which("knotd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
KEYMGR = shutil.which("keymgr", path="/usr/sbin:/usr/bin:/usr/local/sbin")
needs_knot = pytest.mark.skipif(
    KNOTD is None or KEYMGR is None, reason="knotd is not installed (Debian: apt-get install knot)"
)


@dataclass(frozen=True)
class Knot:
    """One running server of one zone."""

    address: str
    port: int
    folder: Path
    domain: str

    def ds(self) -> str:
        """The DS record that its key wants (SHA-256), without owner, class and type."""
        command = [str(KEYMGR), "-c", str(self.folder / "knot.conf"), self.domain, "ds"]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        return next(line.partition(" DS ")[2] for line in lines if line.split()[4] == "2")


@contextlib.contextmanager
def knot(
    domain: str, text: str | None = None, *, primary: Knot | None = None, lifetime: str = "14d", policy: str = ""
) -> Iterator[Knot]:
    """Serve a zone, signed by knot itself, or transferred from another server where `primary` is given.

    `policy` adds lines to the signing policy, such as "nsec3: on".
    """
    with tempfile.TemporaryDirectory(prefix="knot") as name:
        folder = Path(name)
        port = _free_port()
        (folder / "knot.conf").write_text(_configuration(folder, port, domain, primary, lifetime, policy))
        if text is not None:
            (folder / f"{domain}.zone").write_text(f"$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 300\n{text}")
        command = [str(KNOTD), "-c", str(folder / "knot.conf")]
        with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
            try:
                server = Knot(f"127.0.0.1:{port}", port, folder, domain)
                _wait_for_signatures(server, folder / "log")
                yield server
            finally:
                process.terminate()
                process.wait(10)


def _configuration(folder: Path, port: int, domain: str, primary: Knot | None, lifetime: str, policy: str) -> str:
    role = "dnssec-signing: on\n    dnssec-policy: here\n    acl: anybody"
    remote = ""
    if primary is not None:
        role = "master: primary"
        remote = f"remote:\n  - id: primary\n    address: 127.0.0.1@{primary.port}\n"
    return f"""
server:
    rundir: "{folder}"
    listen: 127.0.0.1@{port}
log:
  - target: stderr
    any: info
database:
    storage: "{folder}"
{remote}acl:
  - id: anybody
    address: 127.0.0.1
    action: transfer
policy:
  - id: here
    algorithm: ecdsap256sha256
    single-type-signing: on
    rrsig-lifetime: {lifetime}
    rrsig-refresh: 12h
    {policy.replace("; ", chr(10) + "    ")}
zone:
  - domain: {domain}
    storage: "{folder}"
    file: "{domain}.zone"
    {role}
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_signatures(server: Knot, log: Path) -> None:
    query = dns.message.make_query(server.domain, "SOA", want_dnssec=True)
    for _ in range(200):
        with contextlib.suppress(dns.exception.DNSException, OSError):
            reply = dns.query.udp(query, "127.0.0.1", port=server.port, timeout=0.1)
            if any(rrset.rdtype == dns.rdatatype.RRSIG for rrset in reply.answer):
                return
        time.sleep(0.05)
    raise AssertionError(f"knot did not start: {log.read_text()[-2000:]}")
