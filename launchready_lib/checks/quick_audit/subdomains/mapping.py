"""What the declared subdomains answer: what the parameters say they are, or something else."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from launchready_lib.checks import check
from launchready_lib.checks.quick_audit.subdomains.pointers import Pointer, follow_all
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.names.hosts import canonical_host
from launchready_lib.names.published import zone_of
from launchready_lib.names.zonefile import ZoneFile
from launchready_lib.network import REDIRECTS, Answer, Network, Response, normal
from launchready_lib.record.findings import Verdict, combine_as, failed, passed, unknown
from launchready_lib.site import markup
from launchready_lib.site.reach import DOWN, NETWORK_DOWN, hindered, steady
from launchready_lib.wording import counted, listed

if TYPE_CHECKING:
    from launchready_lib.client import Client
    from launchready_lib.parameters.sections import Subdomain as Declared

_LOGIN_PATH = re.compile(r"(?i)(^|[/._-])(log-?in|sign-?in|auth|sso|session|access)([/._?-]|$)")
_SHELL_TEXT = 200


@dataclass(frozen=True)
class Subdomain:
    """One declared subdomain and what it answered."""

    host: str
    expect: str  # app, redirect, api or static
    restricted: bool  # logged out it must refuse or lead to a login
    looked_up: tuple[Answer, ...]  # the resolver's answers for A and AAAA
    reply: Response  # what its root answered over HTTPS, redirects within the authorization followed

    def row(self) -> Row:
        """What it answered, as evidence."""
        return {
            "host": self.host,
            "expected": self.expect + (", restricted" if self.restricted else ""),
            "addresses": ", ".join(r for a in self.looked_up for r in a.records) or self.looked_up[0].state,
            "status": self.reply.status or self.reply.state,
            "type": self.reply.media_type or None,
            "ends_at": self.reply.url,
            "detail": self.reply.error,
        }


@dataclass(frozen=True)
class SubdomainEvidence(Evidence):
    """What the declared subdomains answer, and where every known name leads.

    Attributes:
        canonical: site.canonical; None where it is not given.
        login: the path of the login page, where it is declared.
        site_up: whether the main site answers at all.
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

    def rows(self) -> list[Row]:
        """One row per declared subdomain."""
        keys = ("addresses", "status", "type", "ends_at")
        return [
            {"host": each.host, "expect": each.expect} | {key: each.row()[key] for key in keys} for each in self.hosts
        ]


@probe
async def survey(client: Client) -> SubdomainEvidence | Unavailable:
    """Ask every declared subdomain, and follow every known name of the zone to its end."""
    network, p = client.network, client.parameters
    if not await network.control():
        return NETWORK_DOWN
    main = canonical_host(p) or normal(p.domain)
    zone = zone_of(client)
    front, hosts, pointers = await asyncio.gather(
        steady(network, f"https://{main}/"),
        asyncio.gather(*(_host(network, each) for each in p.site.subdomains.values())),
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


async def _host(network: Network, declared: Declared) -> Subdomain:
    host = normal(declared.host)
    v4, v6, reply = await asyncio.gather(
        network.ask(host, "A"),
        network.ask(host, "AAAA"),
        steady(network, f"https://{host}/", follow=0 if declared.expect == "redirect" else 3),
    )
    return Subdomain(host, declared.expect, declared.restricted, (v4, v6), reply)


@check("subdomains.mapped")
def mapped(subdomains: SubdomainEvidence) -> Verdict:
    """Each declared subdomain resolves, serves over TLS, and answers what the parameters say it is."""
    if not subdomains.hosts:
        needs = "site.subdomains (or client.not_applicable, where there is none)"
        return unknown("no subdomain is declared", needs=needs)
    names = listed(host.host for host in subdomains.hosts)
    text = f"{counted(len(subdomains.hosts), 'subdomain')} answer as declared: {names}"
    return combine_as(text, *(_judge(subdomains, host) for host in subdomains.hosts))


def _judge(subdomains: SubdomainEvidence, host: Subdomain) -> Verdict:
    rows, reply = [host.row()], host.reply
    states = {answer.state for answer in host.looked_up}
    if states <= {"NXDOMAIN", "NODATA"}:
        fix = f"Publish an address: {host.host}. 3600 IN CNAME <the name your host gives>."
        return failed(f"{host.host} does not resolve", evidence=rows, fix=fix, about=(host.host,))
    if "NOERROR" not in states:
        return unknown(f"{host.host} could not be looked up", needs="a second run once its DNS answers", evidence=rows)
    if reply.state in DOWN and not subdomains.site_up:
        reason = f"{host.host} does not answer, as the whole site"
        return unknown(reason, needs="a run while the site is up", evidence=rows)
    if reply.state == "tls":
        text = f"{host.host} does not serve over TLS: {reply.error}"
        return failed(text, evidence=rows, about=(host.host,))
    if verdict := hindered(reply):
        return verdict
    if not reply.ok:
        text = f"{host.host} does not answer over HTTPS ({reply.error}), while the main site does"
        return failed(text, evidence=rows, about=(host.host,))
    if host.expect == "redirect":
        return _redirect(subdomains, host)
    return _restricted(subdomains, host) if host.restricted else _expected(host)


def _redirect(subdomains: SubdomainEvidence, host: Subdomain) -> Verdict:
    rows, reply = [host.row()], host.reply
    if subdomains.canonical is None:
        reason = f"where {host.host} should lead is not declared"
        return unknown(reason, needs="site.canonical", evidence=rows)
    location = reply.header("location")
    text = f"answers {reply.status} instead of leading to {subdomains.canonical}"
    if reply.status in REDIRECTS and location:
        wanted, found = urlsplit(subdomains.canonical), urlsplit(urljoin(reply.url, location))
        if (found.scheme, found.netloc.lower()) == (wanted.scheme, wanted.netloc.lower()):
            return passed(f"{host.host} leads to {subdomains.canonical}", evidence=rows)
        text = f"leads to {found.scheme}://{found.netloc} instead of {subdomains.canonical}"
    return failed(f"{host.host} {text}", evidence=rows, about=(host.host, "redirect"))


def _restricted(subdomains: SubdomainEvidence, host: Subdomain) -> Verdict:
    """Logged out it must refuse, or lead to a login."""
    rows, reply = [host.row()], host.reply
    page = markup.read(reply.text, reply.url)
    places = [reply.url, urljoin(reply.url, reply.header("location") or "")]
    if reply.status in (401, 403, 404) or page.has_password or any(_is_login(subdomains, place) for place in places):
        return passed(f"{host.host} refuses, or leads to a login, when logged out", evidence=rows)
    text = f"{host.host} should be restricted, but answers {reply.status} to anybody"
    if reply.status is not None and reply.status >= 500:
        text = f"{host.host} breaks with status {reply.status} instead of asking for a login"
    elif (
        "html" in reply.media_type
        and len(page.text) < _SHELL_TEXT
        and any(resource.kind == "script" for resource in page.resources)
    ):
        reason = f"{host.host} draws its page by script, so a plain request cannot tell whether it asks for a login"
        return unknown(reason, needs="a look in a browser, or site.pages.login", evidence=rows)
    return failed(text, evidence=rows, about=(host.host, "restricted"))


def _is_login(subdomains: SubdomainEvidence, url: str) -> bool:
    parts = urlsplit(url)
    declared = subdomains.login is not None and parts.path == urlsplit(subdomains.login).path
    return declared or bool(_LOGIN_PATH.search(f"{parts.netloc}{parts.path}"))


def _expected(host: Subdomain) -> Verdict:
    """Whether it answers as an app, an API or static files do."""
    status, kind, expect = host.reply.status or 599, host.reply.media_type, host.expect
    wrong = ""
    if expect == "app" and status >= 400:
        hint = "; if that is meant, say restricted: true" if status in (401, 403) else ""
        wrong = f"answers {host.reply.status} instead of the app{hint}"
    elif expect == "app" and "html" not in kind:
        wrong = f"answers {kind or 'no type'} instead of a page"
    elif status >= 500:
        wrong = f"answers {host.reply.status} instead of {'the API' if expect == 'api' else 'files'}"
    elif expect == "api" and "json" not in kind and ("html" in kind or status < 400):
        wrong = f"answers {kind or 'nothing'} instead of the API"
    if wrong:
        return failed(f"{host.host} {wrong}", evidence=[host.row()], about=(host.host, expect))
    return passed(f"{host.host} answers as {expect}", evidence=[host.row()])
