"""What the declared subdomains answer, and where every known name of the zone leads."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from launchready_lib.checks.quick_audit.subdomains.pointers import Pointer, follow_all
from launchready_lib.evidence import Unavailable, probe
from launchready_lib.names.hosts import canonical_host
from launchready_lib.names.published import zone_of
from launchready_lib.names.zonefile import ZoneFile
from launchready_lib.network import Answer, Response, normal
from launchready_lib.site.reach import NETWORK_DOWN, steady

if TYPE_CHECKING:
    from launchready_lib.client import Client


@dataclass(frozen=True)
class Subdomain:
    """One declared subdomain and what it answered.

    Attributes:
        host: its name.
        expect: app, redirect, api or static.
        restricted: logged out it must refuse or lead to a login.
        looked_up: the resolver's answers for A and AAAA.
        reply: what its root answered over HTTPS, redirects within the authorization followed.
    """

    host: str
    expect: str
    restricted: bool
    looked_up: tuple[Answer, ...]
    reply: Response


@dataclass(frozen=True)
class SubdomainEvidence:
    """What the declared subdomains answer, and where every known name leads.

    Attributes:
        domain: the client's domain.
        canonical: site.canonical; None where it is not given.
        login: the path of the login page, where it is declared.
        site_up: whether the main site answers at all.
        hosts: the declared subdomains.
        pointers: every name that points to another.
        zone: the zone file; Unavailable where none is given or it cannot be read.
    """

    domain: str
    canonical: str | None
    login: str | None
    site_up: bool
    hosts: tuple[Subdomain, ...]
    pointers: tuple[Pointer, ...]
    zone: ZoneFile | Unavailable

    def frame(self) -> pd.DataFrame:
        """One row per declared subdomain."""
        rows = [
            {
                "host": each.host,
                "expect": each.expect,
                "addresses": ", ".join(r for a in each.looked_up for r in a.records) or each.looked_up[0].state,
                "status": each.reply.status or each.reply.state,
                "type": each.reply.media_type or None,
                "ends_at": each.reply.url,
            }
            for each in self.hosts
        ]
        return pd.DataFrame(rows)

    def pointer_frame(self) -> pd.DataFrame:
        """One row per name that points to another."""
        return pd.DataFrame([pointer.row() for pointer in self.pointers])


@probe
async def survey(client: Client) -> SubdomainEvidence | Unavailable:
    """Ask every declared subdomain, and follow every known name of the zone to its end."""
    network, p = client.network, client.parameters
    if not await network.control():
        return NETWORK_DOWN
    main = canonical_host(p) or normal(p.domain)
    zone = zone_of(client)
    declared = list(p.site.subdomains.values())
    front, hosts, pointers = await asyncio.gather(
        steady(network, f"https://{main}/"),
        asyncio.gather(*(_host(client, normal(s.host), s.expect, restricted=s.restricted) for s in declared)),
        follow_all(client, zone if isinstance(zone, ZoneFile) else ZoneFile(())),
    )
    return SubdomainEvidence(
        domain=normal(p.domain),
        canonical=p.site.canonical,
        login=p.site.pages.get("login"),
        site_up=front.state in ("ok", "tls", "protocol"),
        hosts=tuple(hosts),
        pointers=pointers,
        zone=zone,
    )


async def _host(client: Client, host: str, expect: str, *, restricted: bool) -> Subdomain:
    network = client.network
    v4, v6, reply = await asyncio.gather(
        network.ask(host, "A"),
        network.ask(host, "AAAA"),
        steady(network, f"https://{host}/", follow=0 if expect == "redirect" else 3),
    )
    return Subdomain(host, expect, restricted, (v4, v6), reply)
