"""Where a client's site lives, as its parameters say, and what to answer where it could not be read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from launchready_lib.evidence import Unavailable
from launchready_lib.names.hosts import registrable_domain
from launchready_lib.network import DISTRUSTED, REDIRECTS, Response, normal
from launchready_lib.record.findings import Verdict, unknown

if TYPE_CHECKING:
    from launchready_lib.client import Client

HOPS = 5
TRUSTED = "a valid certificate, or network.ca_file with the CA that signed it"
CHALLENGE_HEADERS = ("cf-mitigated", "x-vercel-mitigated")
AGAIN = "the site answering: run this stage again when it does"
NO_PAGE = Unavailable("no page answered as HTML", "site.pages, and the site answering")


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


def unopened(client: Client, url: str, error: Exception) -> Unavailable:
    """Why the browser could not open a page, as far as our own door knows."""
    host = host_of(url)
    words = str(error).splitlines()[0].partition("net::")[2].partition(" ")[0] or "it did not answer in time"
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
