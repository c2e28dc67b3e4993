"""What the site's answers say in their headers: every page given, every public host, signed out and signed in."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.names import providers
from launchready_lib.names.hosts import public_hosts
from launchready_lib.names.zone_hosts import NO_ZONE_HOSTS, ZoneHosts, zone_hosts
from launchready_lib.network import Purpose, Response
from launchready_lib.site import markup, web
from launchready_lib.site.signin import Member
from launchready_lib.site.web import SILENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from launchready_lib.client import Client

MOST_OUTSIDE = 30
_INTEGRITY = re.compile(r"sha(256|384|512)-([A-Za-z0-9+/_-]+={0,2})(\?[\x21-\x7e]*)?")


def table() -> dict[str, Any]:
    """The names and words of data/security_headers.yaml."""
    return providers.table("security_headers.yaml")


@dataclass(frozen=True)
class View:
    """One page or host as it answered."""

    name: str  # the page's name in the parameters, or the host
    url: str  # what was asked; the answer may come from where it redirects to
    response: Response
    signed_in: bool = False  # asked with a member's session

    @property
    def title(self) -> str:
        """The page's name as a sentence has it."""
        return f"{self.name} (signed in)" if self.signed_in else self.name

    @property
    def is_html(self) -> bool:
        """Whether a browser shows it as a page."""
        return self.response.media_type in ("text/html", "application/xhtml+xml", "")

    @property
    def markup(self) -> markup.Markup:
        """What the page says of itself."""
        return markup.read(self.response.text, self.response.url)


@dataclass(frozen=True)
class Shared:
    """What an address told a page of a foreign origin (Fetch, CORS protocol)."""

    url: str
    origin: str  # the one we claimed to be
    allowed: str | None  # Access-Control-Allow-Origin as sent; None where absent
    credentials: str | None  # Access-Control-Allow-Credentials as sent; None where absent


@dataclass(frozen=True)
class Outside:
    """A script or style that a page loads from another site."""

    resource: markup.Resource
    pages: tuple[str, ...]  # names of the pages that load it
    matches: bool | None = None  # whether its content has the integrity hash; None where that could not be seen
    note: str = ""  # why not


@dataclass(frozen=True)
class HeadersEvidence(Evidence):
    """Everything that the header checks judge.

    Attributes:
        pages: pages given in the parameters, home first.
        hosts: one read of `/` on every public host over HTTPS, redirects not followed; those of the zone file too.
        shared: cross-origin answers, several foreign origins for each address.
        outside: scripts and styles from other sites.
        canonical: the site's origin; third_parties: hosts it needs on purpose.
        missing: what could not be asked at all.
        zone: the zone file's names beside the declared ones.
        reads: `site.core_reads`, as a member gets them.
    """

    pages: tuple[View, ...]
    hosts: tuple[View, ...] = ()
    shared: tuple[Shared, ...] = ()
    outside: tuple[Outside, ...] = ()
    canonical: str = ""
    third_parties: tuple[str, ...] = ()
    missing: tuple[Unavailable, ...] = ()
    zone: ZoneHosts = NO_ZONE_HOSTS
    reads: tuple[View, ...] = ()

    def seen(self) -> tuple[View, ...]:
        """Pages that answered for themselves."""
        return tuple(p for p in self.pages if web.why_unseen(p.url, p.response) is None)

    def unseen(self) -> tuple[Unavailable, ...]:
        """Why the other pages could not be judged."""
        return tuple(why for p in self.pages if (why := web.why_unseen(p.url, p.response)))

    def rows(self) -> Iterable[Row]:
        """One row for each page and host, one column for each header that matters."""
        for v in (*self.pages, *self.hosts):
            shown = {header: ", ".join(v.response.all(header)) for header in table()["shown"]}
            yield {"of": v.title, "status": v.response.status, **shown}


@probe
async def survey(client: Client, member: Member | Unavailable | None = None) -> HeadersEvidence | Unavailable:
    """Read every page given, each public host, and what foreign origins are told; with a member's session too."""
    if no := web.unauthorized(client):
        return no
    signed_in = None if isinstance(member, Unavailable) else member
    zone = zone_hosts(client)
    pages, hosts, reads = await asyncio.gather(
        _pages(client, signed_in), _hosts(client, zone), _as_member(signed_in, web.core_reads(client))
    )
    shared, outside = await asyncio.gather(_shared(client, signed_in), _outside(client, pages))
    return HeadersEvidence(
        pages,
        hosts,
        shared[0],
        outside,
        web.origin(client),
        tuple(client.parameters.site.third_parties),
        shared[1],
        zone,
        tuple(reads),
    )


async def _pages(client: Client, member: Member | None) -> tuple[View, ...]:
    given = {"home": "/", **client.parameters.site.pages}
    urls = {name: web.address(client, path) for name, path in given.items()}
    answers = await asyncio.gather(*(client.network.request("GET", url, follow=web.HOPS) for url in urls.values()))
    views = [View(name, url, answer) for (name, url), answer in zip(urls.items(), answers, strict=True)]
    led_away = (v for v in views if v.name == "dashboard" or v.response.history or v.response.status in (401, 403))
    views += await _as_member(member, {v.name: v.url for v in led_away}, web.HOPS)
    return tuple(_each_once(views))


async def _as_member(member: Member | None, urls: dict[str, str], hops: int = 0) -> list[View]:
    if member is None:
        return []
    asked = (member.session.request("GET", url, verify=True, follow=hops) for url in urls.values())
    answers = await asyncio.gather(*asked)
    return [View(name, url, answer, signed_in=True) for (name, url), answer in zip(urls.items(), answers, strict=True)]


def _each_once(views: Iterable[View]) -> Iterator[View]:
    """Leave out a page that only led to one seen already."""
    seen: set[tuple[str, bool]] = set()
    for view in sorted(views, key=lambda v: (v.signed_in, bool(v.response.history))):
        key = (view.response.url, view.signed_in)
        if key not in seen or not view.response.ok:
            seen.add(key)
            yield view


async def _hosts(client: Client, zone: ZoneHosts) -> tuple[View, ...]:
    async def one(host: str, quiet: tuple[str, ...] = ()) -> View | None:
        url = f"https://{host}/"
        answer = await client.network.request("GET", url)
        if answer.state in quiet:
            return None
        undeclared = answer.state == "dns" and not web.is_declared(client, host)
        if undeclared and await web.is_absent(client, host):
            return None
        return View(host, url, answer)

    declared = (one(host) for host in public_hosts(client.parameters))
    found = await asyncio.gather(*declared, *(one(host, SILENT) for host in zone.own))
    return tuple(view for view in found if view is not None)


def foreign_origins(domain: str) -> tuple[str, ...]:
    """Origins that no site should trust: a stranger, look-alikes for sloppy comparisons, and a sandboxed frame."""
    return ("https://stranger.example", f"https://{domain}.stranger.example", f"https://not{domain}", "null")


async def _shared(client: Client, member: Member | None) -> tuple[tuple[Shared, ...], tuple[Unavailable, ...]]:
    p = client.parameters
    urls = {web.address(client, "/"), *web.core_reads(client).values()}
    urls |= {f"https://{sub.host}/" for sub in p.site.subdomains.values() if sub.expect in ("api", "app")}
    missing: dict[Unavailable, None] = {}

    async def one(url: str, origin: str) -> Shared | None:
        answer = await _asked_from(client, member, url, origin)
        if why := web.why_unseen(url, answer):
            missing[why] = None
            return None
        return Shared(
            url, origin, answer.header("access-control-allow-origin"), answer.header("access-control-allow-credentials")
        )

    asked = [(url, origin) for url in sorted(urls) for origin in foreign_origins(p.domain)]
    found = await asyncio.gather(*(one(url, origin) for url, origin in asked))
    return tuple(s for s in found if s is not None), tuple(missing)


async def _asked_from(client: Client, member: Member | None, url: str, origin: str) -> Response:
    """Ask as a page of that origin; with the member's cookies unless the certificate is not to be trusted with them."""
    options: dict[str, Any] = {"headers": {"Origin": origin}, "max_body": 1}
    if member is not None:
        answer = await member.session.request("GET", url, verify=True, **options)
        if answer.state != "tls":
            return answer
    return await client.network.request("GET", url, **options)


async def _outside(client: Client, pages: Iterable[View]) -> tuple[Outside, ...]:
    loaded: dict[markup.Resource, list[str]] = {}
    for view in pages:
        if web.why_unseen(view.url, view.response) is None and view.is_html:
            for resource in view.markup.resources:
                foreign = not web.same_site(resource.url, view.response.url)
                if resource.kind in ("script", "style") and (foreign or resource.url.startswith("http:")):
                    loaded.setdefault(resource, []).append(view.title)
    some = list(loaded.items())[:MOST_OUTSIDE]
    return tuple(await asyncio.gather(*(_compared(client, resource, tuple(names)) for resource, names in some)))


async def _compared(client: Client, resource: markup.Resource, pages: tuple[str, ...]) -> Outside:
    if not strongest(resource.integrity or ""):
        return Outside(resource, pages)
    answer = await client.network.request(
        "GET", resource.url, follow=web.HOPS, verify=True, purpose=Purpose.SUBRESOURCE
    )
    if not answer.ok or answer.status != 200 or answer.truncated:
        return Outside(resource, pages, None, answer.error or f"it answered {answer.status}")
    return Outside(resource, pages, matches(answer.body, resource.integrity or ""))


def strongest(integrity: str) -> tuple[tuple[str, bytes], ...]:
    """The hashes that browsers compare: those of the strongest algorithm (SRI §3.3.3); empty where none is valid."""
    found: list[tuple[str, bytes]] = []
    for token in integrity.split():
        if match := _INTEGRITY.fullmatch(token):
            text = match[2].replace("-", "+").replace("_", "/").rstrip("=")
            try:
                found.append((f"sha{match[1]}", base64.b64decode(text + "=" * (-len(text) % 4), validate=True)))
            except binascii.Error:
                continue
    best = max((name for name, _ in found), default="")
    return tuple(pair for pair in found if pair[0] == best)


def matches(content: bytes, integrity: str) -> bool:
    """Whether content has one of the hashes that count."""
    return any(hashlib.new(name, content).digest() == digest for name, digest in strongest(integrity))
