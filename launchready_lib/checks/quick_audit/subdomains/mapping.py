"""Whether the declared subdomains answer what they should, and none leads to what nobody has claimed or registered."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from launchready_lib.checks import check
from launchready_lib.checks.quick_audit.subdomains.pointers import Pointer, follow_all, looks_unclaimed
from launchready_lib.client import Client
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.names import providers
from launchready_lib.names.hosts import canonical_host, registered_domain, under
from launchready_lib.names.published import zone_of
from launchready_lib.names.zonefile import ZoneFile
from launchready_lib.network import REDIRECTS, Answer, Network, Response, normal
from launchready_lib.parameters.sections import Subdomain as Declared
from launchready_lib.record.findings import Status, Verdict, combine, combine_as, failed, passed, unknown
from launchready_lib.site import markup
from launchready_lib.site.web import DOWN, NETWORK_DOWN, hindered, retried
from launchready_lib.wording import counted, listed

_LOGIN_PATH = re.compile(r"(?i)(^|[/._-])(log-?in|sign-?in|auth|sso|session|access)([/._?-]|$)")
_SHELL_TEXT = 200
_IMPACT = (
    "whoever claims it shows what they like under your name, reads cookies meant for your domain, or takes its mail"
)


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
        retried(network, f"https://{main}/"),
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
        retried(network, f"https://{host}/", follow=0 if declared.expect == "redirect" else 3),
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


@check("subdomains.takeover")
def takeover(subdomains: SubdomainEvidence) -> Verdict:
    """No name in the zone points to something unclaimed or unregistered; dangling and claimable are told apart."""
    verdicts = [found for pointer in subdomains.pointers if (found := _judge_pointer(subdomains.domain, pointer))]
    if isinstance(subdomains.zone, Unavailable):
        verdicts.append(unknown(subdomains.zone.reason, needs=subdomains.zone.needs))
    else:
        needs = "a whole hosting.zone_file"
        verdicts += [unknown(f"in the zone file, {problem}", needs=needs) for problem in subdomains.zone.problems]
    rows = [pointer.row() for pointer in subdomains.pointers]
    rows = rows or [{"name": subdomains.domain, "kind": "none", "leads_to": None}]
    text = f"{counted(len(rows), 'name')} that point elsewhere lead to something that is claimed"
    return combine(*verdicts, passed(text, evidence=rows))


def faulty(subdomains: SubdomainEvidence) -> tuple[Pointer, ...]:
    """The pointers that make the check fail."""
    judged = ((pointer, _judge_pointer(subdomains.domain, pointer)) for pointer in subdomains.pointers)
    return tuple(pointer for pointer, verdict in judged if verdict and verdict.status is Status.FAIL)


def _judge_pointer(domain: str, pointer: Pointer) -> Verdict | None:
    """What is wrong with, or unknown of, one pointer; None where it is sound."""
    if pointer.kind == "NS":
        return _delegated(pointer)
    if pointer.state in ("SERVFAIL", "TIMEOUT"):
        what = "it" if pointer.target == pointer.owner else pointer.target
        reason = f"where {pointer.owner} leads is not known: {what} could not be looked up ({pointer.state})"
        return unknown(reason, needs="a second run once that name answers", evidence=[pointer.row()])
    if pointer.state == "NXDOMAIN":
        return None if under(pointer.target, domain) else _missing(pointer)
    return _by_page(pointer, pointer.reply) if pointer.reply is not None else None


def _missing(pointer: Pointer) -> Verdict | None:
    """A target outside the client's own domain that does not exist."""
    owned = registered_domain(pointer.target)
    if pointer.registered == "NXDOMAIN":
        leads = f"the {pointer.kind} of {pointer.owner} leads to {pointer.target}"
        return _claimable_failed(pointer, f"{leads}, but anybody may buy {owned}: it is not registered")
    if pointer.registered in ("SERVFAIL", "TIMEOUT"):
        reason = f"{pointer.owner} leads to {pointer.target}, which does not exist; is {owned} registered?"
        return unknown(reason, needs="a second run", evidence=[pointer.row()])
    if pointer.kind != "CNAME":
        return None  # a missing mail or report host in a registered domain is broken, but not for the taking
    known = providers.provider(pointer.provider) if pointer.provider else None
    if known and known.unclaimed and known.unclaimed.nxdomain:
        return _claimable_failed(pointer, f"{pointer.owner} leads to {pointer.target}, which {_claimable(known)}")
    text = f"{pointer.owner} leads to {pointer.target}, which does not exist: whoever gets it gets yours"
    return _claimable_failed(pointer, text)


def _by_page(pointer: Pointer, reply: Response) -> Verdict | None:
    known = providers.provider(pointer.provider or "")
    if looks_unclaimed(known, reply):
        text = f"{pointer.owner} leads to {known.name} ({pointer.target}), where it {_claimable(known)}"
        return _claimable_failed(pointer, text)
    if reply.state == "blocked":
        reason = f"{pointer.owner} leads to {known.name}; its page was not asked: {reply.error}"
        return unknown(reason, needs=f"authorization.hosts: [{pointer.owner}]", evidence=[pointer.row()])
    if not reply.ok:
        reason = f"{pointer.owner} leads to {known.name}, but its page does not answer: {reply.error}"
        return unknown(reason, needs="a second run, or a look into the account there", evidence=[pointer.row()])
    return None


def _claimable(known: providers.Provider) -> str:
    if known.unclaimed and known.unclaimed.verified:
        proof = f"{known.name} asks for proof of owning the domain, so a stranger cannot take it at once"
        return f"belongs to nobody; {proof}"
    return f"belongs to nobody: anybody with an account at {known.name} may claim it"


def _delegated(pointer: Pointer) -> Verdict | None:
    leads = f"{pointer.owner} is delegated to {pointer.target}"
    match pointer.state, pointer.registered:
        case "NXDOMAIN", "NXDOMAIN":
            owned = registered_domain(pointer.target)
            return _claimable_failed(pointer, f"{leads}, but anybody may buy {owned}: it is not registered")
        case "NXDOMAIN", _:
            return _claimable_failed(pointer, f"{leads}, which does not exist")
        case "TIMEOUT", _:
            reason = f"{pointer.target}, which {pointer.owner} is delegated to, did not answer"
            return unknown(reason, needs="a second run", evidence=[pointer.row()])
        case "SERVFAIL", _:
            host = providers.dns_host([pointer.target])
            anybody = f"anybody with an account at {host.name} may create it there" if host and host.claimable else ""
            return _claimable_failed(pointer, f"{leads}, which does not know the zone: {anybody or 'nobody holds it'}")
    return None


def _claimable_failed(pointer: Pointer, text: str) -> Verdict:
    kind = "TXT" if pointer.kind in ("SPF include", "DMARC report") else pointer.kind
    part = "the part that names " if kind == "TXT" else ""
    record = f"{pointer.owner}. IN {kind} … {pointer.target}"
    fix = f"Remove {part}{pointer.target} ({record}), or claim it again in an account of your own"
    about = (pointer.owner, pointer.kind, pointer.target)
    return failed(text, evidence=[pointer.row()], impact=_IMPACT, fix=fix, about=about)
