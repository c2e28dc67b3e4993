"""The handshakes of one survey: with every public host, and with the mail hosts that are the client's own."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING

from launchready_lib.checks.secure_edge.tls import stapling, starttls
from launchready_lib.checks.secure_edge.tls.evidence import HostTls, TlsEvidence
from launchready_lib.checks.secure_edge.tls.handshake import Contexts, Handshake, contexts, first_flight, shake
from launchready_lib.evidence import Unavailable, probe
from launchready_lib.names.hosts import public_hosts
from launchready_lib.names.zone_hosts import zone_hosts
from launchready_lib.network import Answer, normal
from launchready_lib.site import web
from launchready_lib.site.certificates import read
from launchready_lib.site.reach import SILENT

if TYPE_CHECKING:
    from launchready_lib.checks.secure_edge.tls.stapling import Staple
    from launchready_lib.client import Client

MOST_MAIL_HOSTS = 10


@probe
async def survey(client: Client) -> TlsEvidence | Unavailable:
    """Shake hands with every public host: once trusting anything, once as a browser, once for each version.

    With each mail host that lies under a domain of the client's, or that the authorization names, on port 25 after
    STARTTLS; those of a mail provider are named, and left alone.
    """
    if no := web.unauthorized(client):
        return no
    ways, zone = contexts(client.network.ca_file), zone_hosts(client)
    mail, missing = await _mail_hosts(client)
    own = [name for name in mail if _is_own(client, name)]
    hosts = await asyncio.gather(
        *(_host(client, host, ways) for host in public_hosts(client.parameters)),
        *(_host(client, host, ways, quiet=SILENT) for host in zone.names),
        *(_mail_host(client, host, ways) for host in own),
    )
    found = tuple(host for host in hosts if host is not None)
    others = tuple(name for name in mail if name not in own)
    return TlsEvidence(found, dt.datetime.now(dt.UTC), zone, others, tuple(missing))


def _domains(client: Client) -> tuple[str, ...]:
    p = client.parameters
    return tuple(dict.fromkeys(map(normal, (p.domain, *p.mail.from_domains))))


async def _mail_hosts(client: Client) -> tuple[list[str], list[Unavailable]]:
    """Names in the MX records of the client's domains, and what could not be looked up.

    A null MX names none (RFC 7505).
    """
    domains = _domains(client)
    asked = await asyncio.gather(*(client.network.ask(domain, "MX") for domain in domains))
    words = (record.split() for answer in asked for record in answer.records)
    names = dict.fromkeys(normal(each[-1]) for each in words if each and each[-1].strip("."))
    lost = [(domain, a) for domain, a in zip(domains, asked, strict=True) if a.state in ("SERVFAIL", "TIMEOUT")]
    missing = [
        Unavailable(f"the mail hosts of {domain} could not be looked up ({a.state})", "nameservers that answer")
        for domain, a in lost
    ]
    return list(names)[:MOST_MAIL_HOSTS], missing


def _is_own(client: Client, name: str) -> bool:
    under = any(name == domain or name.endswith(f".{domain}") for domain in _domains(client))
    return under or client.network.scope.names(name)


async def _host(client: Client, host: str, ways: Contexts, *, quiet: tuple[str, ...] = ()) -> HostTls | None:
    """Shake hands with one host; None where it is absent, or ends in one of the states of `quiet`."""
    first = await shake(client, host, ways.reading)
    if first.state in quiet:
        return None
    if first.state == "dns" and not web.is_declared(client, host) and await web.is_absent(client, host):
        return None
    if first.state == "tls":
        sent = (await first_flight(client, host)).certificates  # which our own library may have refused to read
        return HostTls(host, first, first, malformed=sum(read(der) is None for der in sent[:1]))
    if first.state != "ok":
        return HostTls(host, first, first)
    offers = (ways.trusting, *ways.versions.values())
    flight, (trusted, *versions) = await asyncio.gather(
        first_flight(client, host), asyncio.gather(*(shake(client, host, way) for way in offers))
    )
    stapled = stapling.read(flight, dt.datetime.now(dt.UTC))
    return await _seen(client, host, first, trusted, dict(zip(ways.versions, versions, strict=True)), stapled=stapled)


async def _mail_host(client: Client, host: str, ways: Contexts) -> HostTls | None:
    """Shake hands with one mail host, one after the other; None where it has no address, as another check says."""
    first = await shake(client, host, ways.reading, starttls.PORT)
    if first.state == "dns" and await web.is_absent(client, host):
        return None
    if first.state != "ok":
        return HostTls(host, first, first, port=starttls.PORT)
    trusted = await shake(client, host, ways.trusting, starttls.PORT)
    return await _seen(client, host, first, trusted, {first.version: first}, port=starttls.PORT)


async def _seen(
    client: Client,
    host: str,
    first: Handshake,
    trusted: Handshake,
    versions: dict[str, Handshake],
    *,
    port: int = 443,
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
