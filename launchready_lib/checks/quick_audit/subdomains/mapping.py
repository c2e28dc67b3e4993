"""Whether each declared subdomain answers what the parameters say it is."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from launchready_lib.checks import check
from launchready_lib.checks.quick_audit.subdomains.survey import Subdomain, SubdomainEvidence
from launchready_lib.evidence import Row
from launchready_lib.network import REDIRECTS
from launchready_lib.record.findings import Verdict, combine_as, failed, passed, unknown
from launchready_lib.site import markup
from launchready_lib.site.reach import DOWN, hindered
from launchready_lib.wording import counted, listed

_LOGIN_PATH = re.compile(r"(?i)(^|[/._-])(log-?in|sign-?in|auth|sso|session|access)([/._?-]|$)")
_SHELL_TEXT = 200


@check("subdomains.mapped")
def mapped(subdomains: SubdomainEvidence) -> Verdict:
    """Each declared subdomain resolves, serves over TLS, and answers what the parameters say it is."""
    if not subdomains.hosts:
        return unknown(
            "no subdomain is declared", needs="site.subdomains (or client.not_applicable, where there is none)"
        )
    text = (
        f"{counted(len(subdomains.hosts), 'subdomain')} answer as declared: {listed(h.host for h in subdomains.hosts)}"
    )
    return combine_as(text, *(_judge(subdomains, host) for host in subdomains.hosts))


def _row(host: Subdomain) -> Row:
    reply = host.reply
    return {
        "host": host.host,
        "expected": host.expect + (", restricted" if host.restricted else ""),
        "addresses": ", ".join(r for a in host.looked_up for r in a.records) or host.looked_up[0].state,
        "status": reply.status or reply.state,
        "type": reply.media_type or None,
        "ends_at": reply.url,
        "detail": reply.error,
    }


def _judge(subdomains: SubdomainEvidence, host: Subdomain) -> Verdict:
    rows, reply = [_row(host)], host.reply
    states = {answer.state for answer in host.looked_up}
    if "NOERROR" not in states:
        if states <= {"NXDOMAIN", "NODATA"}:
            fix = f"Publish an address: {host.host}. 3600 IN CNAME <the name your host gives>."
            return failed(f"{host.host} does not resolve", evidence=rows, fix=fix, about=(host.host,))
        return unknown(f"{host.host} could not be looked up", needs="a second run once its DNS answers", evidence=rows)
    if reply.state in DOWN and not subdomains.site_up:
        return unknown(
            f"{host.host} does not answer, as the whole site", needs="a run while the site is up", evidence=rows
        )
    if reply.state == "tls":
        text = f"{host.host} does not serve over TLS: {reply.error}"
        return failed(text, evidence=rows, about=(host.host,))
    if verdict := hindered(reply):
        return verdict
    if not reply.ok:
        text = f"{host.host} does not answer over HTTPS ({reply.error}), while the main site does"
        return failed(text, evidence=rows, about=(host.host,))
    return _as_expected(subdomains, host, rows)


def _as_expected(subdomains: SubdomainEvidence, host: Subdomain, rows: list[Row]) -> Verdict:
    if host.expect == "redirect":
        return _redirect(subdomains, host, rows)
    if host.restricted:
        return _restricted(subdomains, host, rows)
    wrong = {"app": _not_an_app, "api": _not_an_api, "static": _not_static}[host.expect](host)
    if wrong:
        return failed(f"{host.host} {wrong}", evidence=rows, about=(host.host, host.expect))
    return passed(f"{host.host} answers as {host.expect}", evidence=rows)


def _redirect(subdomains: SubdomainEvidence, host: Subdomain, rows: list[Row]) -> Verdict:
    if subdomains.canonical is None:
        reason = f"where {host.host} should lead is not declared"
        return unknown(reason, needs="site.canonical", evidence=rows)
    location = host.reply.header("location")
    if host.reply.status not in REDIRECTS or not location:
        text = f"{host.host} answers {host.reply.status} instead of leading to {subdomains.canonical}"
        return failed(text, evidence=rows, about=(host.host, "redirect"))
    wanted, found = urlsplit(subdomains.canonical), urlsplit(urljoin(host.reply.url, location))
    if (found.scheme, found.netloc.lower()) != (wanted.scheme, wanted.netloc.lower()):
        text = f"{host.host} leads to {found.scheme}://{found.netloc} instead of {subdomains.canonical}"
        return failed(text, evidence=rows, about=(host.host, "redirect"))
    return passed(f"{host.host} leads to {subdomains.canonical}", evidence=rows)


def _restricted(subdomains: SubdomainEvidence, host: Subdomain, rows: list[Row]) -> Verdict:
    """Logged out it must refuse, or lead to a login."""
    reply = host.reply
    page = markup.read(reply.text, reply.url)
    places = [reply.url, urljoin(reply.url, reply.header("location") or "")]
    if reply.status in (401, 403, 404) or page.has_password or any(_is_login(subdomains, place) for place in places):
        return passed(f"{host.host} refuses, or leads to a login, when logged out", evidence=rows)
    if reply.status is not None and reply.status >= 500:
        text = f"{host.host} breaks with status {reply.status} instead of asking for a login"
        return failed(text, evidence=rows, about=(host.host, "restricted"))
    scripted = any(resource.kind == "script" for resource in page.resources)
    if "html" in reply.media_type and scripted and len(page.text) < _SHELL_TEXT:
        reason = f"{host.host} draws its page by script, so a plain request cannot tell whether it asks for a login"
        return unknown(reason, needs="a look in a browser, or site.pages.login", evidence=rows)
    text = f"{host.host} should be restricted, but answers {reply.status} to anybody"
    return failed(text, evidence=rows, about=(host.host, "restricted"))


def _is_login(subdomains: SubdomainEvidence, url: str) -> bool:
    parts = urlsplit(url)
    declared = subdomains.login is not None and parts.path == urlsplit(subdomains.login).path
    return declared or bool(_LOGIN_PATH.search(f"{parts.netloc}{parts.path}"))


def _not_an_app(host: Subdomain) -> str | None:
    reply = host.reply
    if reply.status is None or reply.status >= 400:
        hint = "; if that is meant, say restricted: true" if reply.status in (401, 403) else ""
        return f"answers {reply.status} instead of the app{hint}"
    return None if "html" in reply.media_type else f"answers {reply.media_type or 'no type'} instead of a page"


def _not_an_api(host: Subdomain) -> str | None:
    reply = host.reply
    if reply.status is None or reply.status >= 500:
        return f"answers {reply.status} instead of the API"
    if "json" in reply.media_type:
        return None
    if "html" in reply.media_type or reply.status < 400:
        return f"answers {reply.media_type or 'nothing'} instead of the API"
    return None


def _not_static(host: Subdomain) -> str | None:
    reply = host.reply
    return None if reply.status is not None and reply.status < 500 else f"answers {reply.status} instead of files"
