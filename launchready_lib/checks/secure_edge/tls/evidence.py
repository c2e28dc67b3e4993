"""What every public host, and every mail host of the client's own, says in its TLS handshakes, and shaking hands."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from launchready_lib.checks.secure_edge.tls import handshake, stapling
from launchready_lib.checks.secure_edge.tls.handshake import MAIL_PORT, PORT, Contexts, Handshake, shake
from launchready_lib.checks.secure_edge.tls.stapling import Staple
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.names.hosts import public_hosts
from launchready_lib.names.providers import table
from launchready_lib.names.zone_hosts import NO_ZONE_HOSTS, ZoneHosts, zone_hosts
from launchready_lib.network import Answer, Response, normal
from launchready_lib.site import web
from launchready_lib.site.certificates import Certificate, read
from launchready_lib.site.web import SILENT
from launchready_lib.wording import brief, listed

if TYPE_CHECKING:
    from launchready_lib.client import Client

MOST_MAIL_HOSTS = 10
PROBLEMS = "certificate_problems.yaml"


@dataclass(frozen=True)
class HostTls:
    """One host."""

    host: str
    read: Handshake  # the handshake that trusts anything
    trusted: Handshake  # the one that trusts what a browser does
    versions: dict[str, Handshake] = field(default_factory=dict)  # version -> the handshake that offered that one alone
    chain: tuple[Certificate, ...] = ()  # the certificates sent, own first, without malformed ones
    malformed: int = 0  # how many those are
    caa: tuple[Answer, ...] = ()  # on the way up from the name (RFC 8659 §3), the last being the one that counts
    port: int = PORT  # 443, or 25 of a mail host, where one handshake offers every version
    staple: Staple | None = None  # what its OCSP answer says; None where it was not asked for

    @property
    def is_mail(self) -> bool:
        """It takes mail from other servers."""
        return self.port == MAIL_PORT

    @property
    def title(self) -> str:
        """How it is called in a sentence."""
        return f"{self.host} (mail)" if self.is_mail else self.host

    @property
    def own(self) -> Certificate | None:
        """The host's own certificate."""
        return self.chain[0] if self.chain else None

    def unseen(self) -> Unavailable | None:
        """Why its certificate could not be seen; None where it was, or where the host does not speak TLS at all."""
        if self.read.state in ("ok", "tls", "plain"):
            return None
        if not self.is_mail:
            url = f"https://{self.host}/"
            return web.why_unseen(url, Response("TLS", url, self.read.state, error=self.read.error))  # type: ignore[arg-type]
        what, state = f"port {self.port} of {self.host}", self.read.state
        if state == "blocked":
            return Unavailable(f"{what} was not asked: {self.read.error}", f"authorization.hosts: [{self.host}]")
        if state == "dns":
            return Unavailable(f"{what} was not asked: {self.read.error}", "nameservers that answer")
        if state == "shut":
            reason = f"{what} does not talk to the audit ({self.read.error})"
            return Unavailable(reason, "a run from an address that mail servers talk to")
        return Unavailable(f"{what} was not reached: {self.read.error}", "a run from a network that lets port 25 out")


@dataclass(frozen=True)
class TlsEvidence(Evidence):
    """Every public host and mail host, and the moment of looking.

    Attributes:
        hosts: declared ones, those of the zone file that answer, and mail hosts of the client's own.
        zone: the zone file's names beside the declared ones.
        others: mail hosts that somebody else runs, which were not looked at.
        missing: domains whose mail hosts are not known.
    """

    hosts: tuple[HostTls, ...]
    now: dt.datetime
    zone: ZoneHosts = NO_ZONE_HOSTS
    others: tuple[str, ...] = ()
    missing: tuple[Unavailable, ...] = ()

    def rows(self) -> Iterable[Row]:
        """One row a host."""
        return [*(row(host, self.now) for host in self.hosts), *other_rows(self)]


def other_rows(tls: TlsEvidence) -> list[Row]:
    """The mail hosts that were not looked at, and why."""
    why = "not looked at: somebody else runs it, and authorization.hosts does not name it"
    return [{"host": f"{name} (mail)", "state": why} for name in tls.others]


def row(host: HostTls, now: dt.datetime) -> Row:
    """A host's certificate in one row."""
    own = host.own
    if own is None:
        return {"host": host.title, "state": host.read.state, "error": host.read.error}
    return {
        "host": host.title,
        "state": host.read.state,
        "names": listed(own.names),
        "issuer": own.issuer,
        "from": own.starts.date().isoformat(),
        "until": own.ends.date().isoformat(),
        "days_left": (own.ends - now).days,
        "will_it_renew": own.renewal(now),
        "key": own.key,
        "signature": own.signature,
        "sent": " > ".join(certificate.subject for certificate in host.chain),
        "versions": brief(name for name, shake in host.versions.items() if shake.state == "ok"),
        "http_2": None if host.is_mail else host.read.h2,
        "ocsp": _staple(host.staple),
    }


def _staple(staple: Staple | None) -> str | None:
    if staple is None:
        return None
    until = f" until {staple.until.date().isoformat()}" if staple.until is not None else ""
    return str(table(PROBLEMS)["staples"][staple.state].format(until=until))


@probe
async def survey(client: Client) -> TlsEvidence | Unavailable:
    """Shake hands with every public host: once trusting anything, once as a browser, once for each version.

    With each mail host that lies under a domain of the client's, or that the authorization names, on port 25 after
    STARTTLS; those of a mail provider are named, and left alone.
    """
    if no := web.unauthorized(client):
        return no
    ways, zone = handshake.contexts(client.network.ca_file), zone_hosts(client)
    domains = dict.fromkeys(map(normal, (client.parameters.domain, *client.parameters.mail.from_domains)))
    mail, missing = await _mail_hosts(client, domains)
    scope = client.network.scope
    own = [n for n in mail if scope.names(n) or any(n == d or n.endswith(f".{d}") for d in domains)]
    hosts = await asyncio.gather(
        *(_host(client, host, ways) for host in public_hosts(client.parameters)),
        *(_host(client, host, ways, quiet=SILENT) for host in zone.names),
        *(_mail_host(client, host, ways) for host in own),
    )
    found = tuple(host for host in hosts if host is not None)
    others = tuple(name for name in mail if name not in own)
    return TlsEvidence(found, dt.datetime.now(dt.UTC), zone, others, tuple(missing))


async def _mail_hosts(client: Client, domains: Iterable[str]) -> tuple[list[str], list[Unavailable]]:
    """Names in the MX records of these domains (a null MX names none, RFC 7505), and what could not be looked up."""
    asked = await asyncio.gather(*(client.network.ask(domain, "MX") for domain in domains))
    words = (record.split() for answer in asked for record in answer.records)
    names = dict.fromkeys(normal(each[-1]) for each in words if each and each[-1].strip("."))
    missing = [
        Unavailable(f"the mail hosts of {domain} could not be looked up ({a.state})", "nameservers that answer")
        for domain, a in zip(domains, asked, strict=True)
        if a.state in ("SERVFAIL", "TIMEOUT")
    ]
    return list(names)[:MOST_MAIL_HOSTS], missing


async def _host(client: Client, host: str, ways: Contexts, *, quiet: tuple[str, ...] = ()) -> HostTls | None:
    """Shake hands with one host; None where it is absent, or ends in one of the states of `quiet`."""
    first = await shake(client, host, ways.reading)
    if first.state in quiet:
        return None
    if first.state == "dns" and not web.is_declared(client, host) and await web.is_absent(client, host):
        return None
    if first.state == "tls":
        flight = await handshake.first_flight(client, host)  # its certificates our own library may have refused to read
        return HostTls(host, first, first, malformed=sum(read(der) is None for der in flight.certificates[:1]))
    if first.state != "ok":
        return HostTls(host, first, first)
    offers = (ways.trusting, *ways.versions.values())
    flight, (trusted, *versions) = await asyncio.gather(
        handshake.first_flight(client, host), asyncio.gather(*(shake(client, host, way) for way in offers))
    )
    stapled = stapling.read(flight, dt.datetime.now(dt.UTC))
    return await _seen(client, host, first, trusted, dict(zip(ways.versions, versions, strict=True)), stapled=stapled)


async def _mail_host(client: Client, host: str, ways: Contexts) -> HostTls | None:
    """Shake hands with one mail host, one after the other; None where it has no address, as another check says."""
    first = await shake(client, host, ways.reading, MAIL_PORT)
    if first.state == "dns" and await web.is_absent(client, host):
        return None
    if first.state != "ok":
        return HostTls(host, first, first, port=MAIL_PORT)
    trusted = await shake(client, host, ways.trusting, MAIL_PORT)
    return await _seen(client, host, first, trusted, {first.version: first}, port=MAIL_PORT)


async def _seen(
    client: Client,
    host: str,
    first: Handshake,
    trusted: Handshake,
    versions: dict[str, Handshake],
    *,
    port: int = PORT,
    stapled: Staple | None = None,
) -> HostTls:
    certificates = [read(der) for der in first.chain]
    chain = tuple(c for c in certificates if c is not None) if certificates and certificates[0] else ()
    malformed = sum(c is None for c in certificates)
    return HostTls(host, first, trusted, versions, chain, malformed, await climb(client, host), port, stapled)


async def climb(client: Client, host: str) -> tuple[Answer, ...]:
    """Ask for CAA from the name upwards until some are found; a failure on the way ends the climb (RFC 8659 §3)."""
    answers: list[Answer] = []
    labels = host.split(".")
    for start in range(len(labels)):
        answer = await client.network.ask(".".join(labels[start:]), "CAA")
        answers.append(answer)
        if answer.state not in ("NODATA", "NXDOMAIN"):
            break
    return tuple(answers)
