"""Where a client's site lives, whether it answers, and what to say where it could not be read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urljoin, urlsplit

from launchready_lib.client import Client
from launchready_lib.evidence import Row, Unavailable
from launchready_lib.names.hosts import registrable_domain
from launchready_lib.network import DISTRUSTED, REDIRECTS, ConnectFailure, Network, Response, Stopped, normal
from launchready_lib.record.findings import Verdict, unknown
from launchready_lib.wording import listed

HOPS = 5
TRUSTED = "a valid certificate, or network.ca_file with the CA that signed it"
CHALLENGE_HEADERS = ("cf-mitigated", "x-vercel-mitigated")
AGAIN = "the site answering: run this stage again when it does"
NO_PAGE = Unavailable("no page answered as HTML", "site.pages, and the site answering")
PAUSE_S = 0.5
NETWORK_DOWN = Unavailable(
    "our own network does not answer: even the root's nameservers could not be looked up",
    "a working network connection, or network.nameservers",
)
DOWN = ("refused", "timeout", "reset", "unreachable")
SILENT = (*DOWN, "dns", "blocked")  # How a name that nobody declared answers where it serves no web page to the outside
_CLOSED = ("refused", "timeout", "reset")
_NEEDS = {
    "blocked": "authorization.hosts (or network.connect_to for a private address)",
    "unreachable": "a run from a machine that has a route to it (IPv6, for an IPv6 address)",
}


def origin(client: Client) -> str:
    """The canonical origin, "https://" and the domain where the parameters name none."""
    p = client.parameters
    return p.site.canonical or f"https://{p.domain}"


def address(client: Client, path: str) -> str:
    """The whole address of a page or endpoint, given as a path or whole already."""
    return urljoin(f"{origin(client)}/", path)


def page(client: Client, name: str) -> str | Unavailable:
    """The whole address of one of `site.pages`."""
    if (path := client.parameters.site.pages.get(name)) is None:
        return Unavailable(f"the address of the {name} page is not given", f"site.pages.{name}")
    return address(client, path)


def core_reads(client: Client) -> dict[str, str]:
    """Name -> whole address of `site.core_reads`."""
    return {name: address(client, path) for name, path in client.parameters.site.core_reads.items()}


def path_of(url: str) -> str:
    """The path of an address, with its query, for showing."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def host_of(url: str) -> str:
    """The host name in an address; empty where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def is_declared(client: Client, host: str) -> bool:
    """Whether the parameters name the host themselves; www and the apex are looked at in any case."""
    return host == host_of(origin(client)) or any(host == s.host for s in client.parameters.site.subdomains.values())


async def is_absent(client: Client, host: str) -> bool:
    """Whether DNS says that a name has no address, which is more than not having heard."""
    four, six = await client.network.ask(host, "A"), await client.network.ask(host, "AAAA")
    return all(answer.state in ("NXDOMAIN", "NODATA") for answer in (four, six))


def unauthorized(client: Client) -> Unavailable | None:
    """Why no web page may be read at all; None where some may."""
    if client.parameters.authorization is not None:
        return None
    reason = "nobody has authorized more than reading published DNS and registration data"
    return Unavailable(reason, "authorization (granted_by, granted_on, hosts)")


def why_unseen(url: str, response: Response) -> Unavailable | None:
    """Why an answer cannot be judged as the site's own; None where it can."""
    host = host_of(response.url or url) or url
    if response.state == "blocked":
        return Unavailable(f"{url} was not asked: {response.error}", f"authorization.hosts: [{host}]")
    if response.state == "dns":
        return Unavailable(f"{url} was not asked: {response.error}", f"an address for {host} in DNS")
    if not response.ok:
        return Unavailable(f"{url} did not answer: {response.error}", AGAIN)
    if response.status in REDIRECTS and response.error:
        target = host_of(urljoin(response.url, response.header("location") or ""))
        return Unavailable(f"{url}: {response.error}", f"authorization.hosts: [{target}]")
    return challenged(url) if is_challenge(response) else None


def name_host(host: str) -> str:
    """What would let us send something to a host."""
    return f"authorization.hosts: [{normal(host)}]"


def kept_in(stopped: Iterable[Stopped], *, any_sent: bool = False) -> Unavailable | None:
    """Whom a page wanted to lead to, or to send what was typed, where our own limits stopped it; None where nobody.

    `any_sent`: whatever it wanted to send counts, for pages that scramble what is typed.
    """
    stopped = tuple(stopped)
    led = [each for each in stopped if each.carried or each.leads]
    wanted = led or [each for each in stopped if each.sends and any_sent]
    if not wanted:
        return None
    hosts = tuple(dict.fromkeys(each.host for each in wanted))[:3]
    reason = f"the page leads to {listed(hosts)}, which authorization.hosts does not name: it was stopped before"
    return Unavailable(reason, f"authorization.hosts: [{', '.join(hosts)}]")


def unopened(client: Client, url: str, error: Exception) -> Unavailable:
    """Why the browser could not open a page, as far as our own door knows."""
    host = host_of(url)
    words = str(error).partition("\n")[0].partition("net::")[2].partition(" ")[0] or "it did not answer in time"
    refused = [refusal for refusal in client.network.traffic.refused if normal(refusal.host) == normal(host)]
    if refused and refused[-1].reason.startswith(DISTRUSTED):
        return Unavailable(f"{url} was not opened: {refused[-1].reason}", TRUSTED)
    if refused:
        return Unavailable(f"{url} was not opened: {refused[-1].reason}", f"authorization.hosts: [{host}]")
    if "CERT" in words:
        return Unavailable(f"the browser does not trust the certificate of {host} ({words})", TRUSTED)
    return Unavailable(f"{path_of(url)} on {host} could not be opened ({words})", AGAIN)


def challenged(url: str) -> Unavailable:
    """What to answer where the edge answered in the site's place."""
    reason = f"{url} answered with a challenge of the edge, not with its own page"
    return Unavailable(reason, "network.headers with a token that the edge lets pass")


def is_challenge(response: Response) -> bool:
    """Whether the edge answered in the site's place to tell people from programs."""
    return "challenge" in (response.header(name) for name in CHALLENGE_HEADERS)


def unseen(missing: Iterable[Unavailable]) -> Verdict:
    """One unknown clause for everything that could not be read."""
    missing = list(missing)
    needs = "; ".join(dict.fromkeys(m.needs for m in missing))
    return unknown("; ".join(dict.fromkeys(m.reason for m in missing)), needs=needs)


def same_site(url: str, other: str) -> bool:
    """Whether two addresses belong to one registrable name (HTML, "same site", without the scheme)."""
    return registrable_domain(host_of(url)) == registrable_domain(host_of(other))


@dataclass(frozen=True)
class Reach:
    """What became of connecting to one address, on the site's ports."""

    host: str
    address: str
    state: str  # "open" where one port accepts connections, else how the first port failed, the second time
    error: str = ""  # one plain sentence unless open

    @property
    def open(self) -> bool:
        """It accepts connections."""
        return self.state == "open"

    @property
    def down(self) -> bool:
        """Both tries were refused, timed out or cut off: measured, not hindered by us."""
        return self.state in _CLOSED

    @property
    def needs(self) -> str:
        """What would let us try."""
        return _NEEDS.get(self.state, "a second run")

    def row(self) -> Row:
        """The try as evidence."""
        return {"name": self.host, "address": self.address, "connection": self.state, "detail": self.error or None}


async def reach(client: Client, places: Iterable[tuple[str, str]]) -> tuple[Reach, ...]:
    """Connect to each (host, address), twice where the first try fails."""
    found = await asyncio.gather(*(_reach(client, host, address) for host, address in places))
    if any(each.down for each in found) and not await client.network.control():
        ours = "our own network stopped answering meanwhile"
        return tuple(replace(each, state="unmeasured", error=ours) if each.down else each for each in found)
    return tuple(found)


async def _reach(client: Client, host: str, address: str) -> Reach:
    site = urlsplit(client.parameters.site.canonical or "")
    own = site.port if site.hostname and normal(site.hostname) == host else None
    ports = (own,) if own and own not in (80, 443) else (443, 80)
    failures: list[ConnectFailure] = []
    for again in (False, True):
        if again:
            await asyncio.sleep(PAUSE_S)
        tries = await asyncio.gather(*(_try(client, host, port, address) for port in ports))
        failures = [each for each in tries if each is not None]
        if len(failures) < len(tries):
            return Reach(host, address, "open")
        if all(each.state not in _CLOSED for each in failures):
            break
    decisive = next((each for each in failures if each.state in _CLOSED), failures[0])
    return Reach(host, address, decisive.state, decisive.error)


async def _try(client: Client, host: str, port: int, address: str) -> ConnectFailure | None:
    # A connection set by name in connect_to stands for all of the name's addresses, as with curl.
    by_name = f"{host}:{port}" in client.parameters.network.connect_to
    found = await client.network.connect(host, port, address=None if by_name else address)
    if isinstance(found, ConnectFailure):
        return found
    found.close()
    return None


async def retried(network: Network, url: str, *, follow: int = 0) -> Response:
    """Ask, and once more where the connection failed."""
    reply = await network.request("GET", url, follow=follow)
    return await network.request("GET", url, follow=follow) if reply.state in DOWN else reply


def reply_row(reply: Response) -> Row:
    """An HTTP answer as evidence: asked, status, location, detail."""
    status, location = reply.status or reply.state, reply.header("location")
    return {"asked": reply.url, "status": status, "location": location, "detail": reply.error}


def hindered(reply: Response) -> Verdict | None:
    """Unknown where an answer says nothing about the site: not asked, no address, or a limit that we met."""
    host = urlsplit(reply.url).hostname
    row = [reply_row(reply)]
    if reply.state == "blocked":
        return unknown(f"{host} was not asked: {reply.error}", needs=f"authorization.hosts: [{host}]", evidence=row)
    if reply.state == "dns":
        return unknown(f"{host} has no address that could be asked", needs=f"an address for {host}", evidence=row)
    if reply.state == "unreachable":
        return unknown(f"{host} cannot be reached from this machine", needs="a run from another network", evidence=row)
    if reply.status in (429, 503) or reply.header("cf-mitigated"):
        needs = "network.headers, allow-listed at the edge, or a later run"
        return unknown(f"{host} answered our request with a limit or a challenge", needs=needs, evidence=row)
    return None
