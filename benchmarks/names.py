"""DNS and mail audit of one domain, every answer 60 ms late, beside checkdmarc; then of 100 domains side by side.

One From domain, two nameservers, two selectors given and the common ones tried, no zone file. At most 1.0 s, and no
question asked twice of the same server. checkdmarc is no dependency (it brings 13 packages, and its import takes longer
than this audit): name an interpreter that has it, `names.py --checkdmarc PYTHON`, to see its line too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from dns_server import ROOT_ZONE, DnsServer, zone

from launchready_lib.checks.quick_audit import domain
from launchready_lib.checks.secure_edge import mail
from launchready_lib.client import Client
from launchready_lib.evidence import Unavailable

DELAY_S, LIMIT_S, MANY, ROUNDS = 0.06, 1.0, 100, 5
NAMES = [f"club{number:03}.example" for number in range(MANY)]
KEY = (
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3F"
    "utACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
)
ZONE = f"""
@ NS ns1
@ NS ns2
ns1 A 198.51.100.53
ns2 A 198.51.100.54
@ A 203.0.113.10
www A 203.0.113.10
@ MX 10 mail
mail A 203.0.113.25
@ TXT "v=spf1 include:spf.mailer.example ~all"
s1._domainkey TXT "v=DKIM1; k=rsa; p={KEY[:200]}" "{KEY[200:]}"
s2._domainkey TXT "v=DKIM1; k=rsa; p={KEY[:200]}" "{KEY[200:]}"
_dmarc TXT "v=DMARC1; p=quarantine; rua=mailto:dmarc@mailer.example"
_smtp._tls TXT "v=TLSRPTv1; rua=mailto:tls@mailer.example"
"""
MAILER = """
@ MX 10 mail
mail A 198.51.100.2
spf TXT "v=spf1 ip4:198.51.100.0/28 -all"
*._report._dmarc TXT "v=DMARC1"
"""
CHECKDMARC = """
import sys, time
import checkdmarc
from dns.nameserver import Do53Nameserver
name, address, port = sys.argv[1:]
started = time.perf_counter()
checkdmarc.check_domains([name], nameservers=[Do53Nameserver(address, int(port))], skip_tls=True)
print(time.perf_counter() - started)
"""


def _delegated(name: str) -> str:
    return f"{name} NS ns1.{name}\n{name} NS ns2.{name}\nns1.{name} A 198.51.100.53\nns2.{name} A 198.51.100.54\n"


async def serve() -> None:
    """The world's DNS in a process of its own: says where it is, then, per line of input, what was asked meanwhile."""
    owned = [zone(f"{name}.", ZONE) for name in NAMES]
    rest = "".join(_delegated(name.partition(".")[0]) for name in NAMES)
    top = zone("example.", f"@ NS ns.nic\nns.nic A 192.0.2.53\na.root A 192.0.2.1\n{rest}")
    root, mailer = zone(".", ROOT_ZONE), zone("mailer.example.", MAILER)
    published = {
        "192.0.2.1": DnsServer([root], delay=DELAY_S),
        "192.0.2.53": DnsServer([top], delay=DELAY_S),
        "198.51.100.53": DnsServer(owned, delay=DELAY_S),
        "198.51.100.54": DnsServer(owned, delay=DELAY_S),
    }
    resolver = DnsServer([root, top, mailer, *owned], recursive=True, delay=DELAY_S)
    everyone = {**published, "resolver": resolver}
    async with AsyncExitStack() as stack:
        for server in everyone.values():
            await stack.enter_async_context(server)
        places = {f"{address}:53": server.address for address, server in published.items()}
        print(json.dumps({"resolver": resolver.address, "connect_to": places}), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            counted = {place: Counter(server.questions) for place, server in everyone.items()}
            repeated = [f"{place}: {q}" for place, each in counted.items() for q, n in each.items() if n > 1]
            asked = sum(each.total() for each in counted.values())
            print(json.dumps({"asked": asked, "repeated": repeated}), flush=True)
            for server in everyone.values():
                server.questions.clear()


@dataclass(frozen=True)
class World:
    """The DNS process and where it listens."""

    process: subprocess.Popen[str]
    resolver: str
    connect_to: dict[str, str]

    def asked(self) -> dict[str, Any]:
        """What was asked since the last call."""
        assert self.process.stdin is not None  # noqa: S101 - `start` asks for pipes
        assert self.process.stdout is not None  # noqa: S101
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found


def start() -> World:
    """Start the DNS process."""
    command = [sys.executable, __file__, "--serve"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    return World(process, **json.loads(process.stdout.readline()))


async def audit(world: World, name: str) -> None:
    """Everything that stage 1 and 3 ask DNS about one domain."""
    parameters = {
        "name": name,
        "domain": name,
        "release": "r1",
        "network": {"nameservers": [world.resolver], "connect_to": world.connect_to, "timeout_s": 30},
        "mail": {"from_domains": [name], "dkim_selectors": {name: ["s1", "s2"]}, "senders": ["198.51.100.9"]},
    }
    async with Client.open(parameters, root=Path("/nonexistent")) as client:
        found = await asyncio.gather(domain.survey(client), mail.survey(client), mail.transport(client))
    if lost := [each.reason for each in found if isinstance(each, Unavailable)]:
        raise SystemExit(f"{name} was not audited: {lost}")


def one(world: World) -> bool:
    """Audit one domain several times; whether it keeps the limit and asks nothing twice."""
    seconds, asked = [], {}
    for _ in range(ROUNDS):
        started = time.perf_counter()
        asyncio.run(audit(world, NAMES[0]))
        seconds.append(time.perf_counter() - started)
        asked = world.asked()
    best = min(seconds)
    print(f"one domain: {best:.2f} s (best of {ROUNDS}, worst {max(seconds):.2f}), {asked['asked']} questions")
    print(f"  limit {LIMIT_S:.1f} s: {'kept' if best <= LIMIT_S else 'broken'}")
    print(f"  asked twice of one server: {', '.join(asked['repeated']) or 'nothing'}")
    return best <= LIMIT_S and not asked["repeated"]


def beside(world: World, python: str | None) -> None:
    """The same domain and server for checkdmarc."""
    if python is None:
        print("checkdmarc: not installed here (--checkdmarc PYTHON names an interpreter that has it)")
        return
    address, _, port = world.resolver.rpartition(":")
    ran = subprocess.run(
        [python, "-c", CHECKDMARC, NAMES[0], address, port], capture_output=True, text=True, check=True
    )
    asked = world.asked()
    seconds, repeated = float(ran.stdout.split()[-1]), len(asked["repeated"])
    print(f"checkdmarc: {seconds:.2f} s, {asked['asked']} questions, {repeated} of them repeated")


def many(world: World) -> None:
    """All domains at once in this process."""

    async def everyone() -> None:
        await asyncio.gather(*(audit(world, name) for name in NAMES))

    started, cpu = time.perf_counter(), time.process_time()
    asyncio.run(everyone())
    wall, spent = time.perf_counter() - started, time.process_time() - cpu
    asked = world.asked()
    print(f"{MANY} domains side by side: {wall:.1f} s ({spent:.1f} s of CPU), {asked['asked']} questions")


def main() -> int:
    """Run the three parts; 1 where the limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--checkdmarc", metavar="PYTHON", help="an interpreter that has checkdmarc")
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
        return 0
    world = start()
    try:
        kept = one(world)
        beside(world, options.checkdmarc)
        many(world)
    finally:
        if world.process.stdin is not None:
            world.process.stdin.close()
        world.process.wait(timeout=10)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
