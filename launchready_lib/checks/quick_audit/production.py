"""hosting.production and hosting.failure_modes: what answers is built for members, also when something is wrong."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from launchready_lib.checks import check
from launchready_lib.client import Client
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.names.zone_hosts import NO_ZONE_HOSTS, ZoneHosts, zone_hosts
from launchready_lib.network import REDIRECTS, Response
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.site import markup, web

SECONDS = 2.0
UNKNOWN_PAGE = "an unknown page"
_NOT_FOUND = re.compile(
    r"\b404\b|not found|does ?n[o']t exist|no such page|nothing (?:here|at this)|nicht gefunden|introuvable"
    r"|no encontrada|non trovata|niet gevonden",
    re.IGNORECASE,
)
_MESSAGE_KEYS = frozenset({"error", "errors", "message", "detail", "details", "title", "reason", "description", "msg"})
_WORDS = re.compile(r"[^\W\d_]{2,}")
_MALFORMED = b'{"email": "launch-audit", '
_RIGHT = {
    "page": frozenset({404, 410}),
    "api": frozenset({404, 410, 401, 403}),
    "body": frozenset({400, 401, 403, 404, 405, 406, 411, 413, 415, 419, 422}),
    "method": frozenset({400, 401, 403, 404, 405, 415, 419, 422, 501}),
}


@dataclass(frozen=True)
class Tried:
    """One request and its answer."""

    name: str  # the page's name, or what was wrong with the request
    kind: str  # page, api, body or method: which answers are right
    method: str
    url: str
    response: Response


@dataclass(frozen=True)
class ProductionEvidence(Evidence):
    """Pages given and an unknown one, as strangers get them; `zone`: the zone file's names beside the declared ones."""

    pages: tuple[Tried, ...]
    zone: ZoneHosts = NO_ZONE_HOSTS

    def rows(self) -> list[Row]:
        """One row a page."""
        return [_row(page) for page in self.pages]


@dataclass(frozen=True)
class FailureEvidence(Evidence):
    """Requests that are wrong on purpose, and the ordinary pages to compare their answers with."""

    tried: tuple[Tried, ...]
    ordinary: tuple[Tried, ...]
    missing: tuple[Unavailable, ...] = ()

    def rows(self) -> list[Row]:
        """One row a request."""
        return [_row(one) for one in self.tried]


def _row(tried: Tried) -> Row:
    return {
        "request": tried.name,
        "sent": f"{tried.method} {web.path_of(tried.url)}",
        "status": tried.response.status,
        "seconds": round(tried.response.seconds, 2),
        "type": tried.response.media_type,
        "says": _said(tried.response)[:160] or tried.response.error or "",
    }


def _said(response: Response) -> str:
    if markup.is_html(response):
        page = markup.read(response.text, response.url)
        return page.text or page.title
    try:
        messages = list(_texts(json.loads(response.text[:100_000])))
    except (ValueError, RecursionError):
        messages = []
    return " ".join(messages or [response.text[:300]]) if response.body else ""


def _texts(value: Any, *, wanted: bool = False, depth: int = 0) -> Iterator[str]:
    """The texts in a JSON answer that are written for people."""
    if isinstance(value, str) and wanted:
        yield value
    elif isinstance(value, dict) and depth < 6:
        for key, item in value.items():
            yield from _texts(item, wanted=wanted or str(key).lower() in _MESSAGE_KEYS, depth=depth + 1)
    elif isinstance(value, list) and depth < 6:
        for item in value[:20]:
            yield from _texts(item, wanted=wanted, depth=depth + 1)


@probe
async def survey(client: Client) -> ProductionEvidence | Unavailable:
    """Read every page given, each subdomain's first page, those of the zone file too, and an unknown address."""
    if no := web.unauthorized(client):
        return no
    p = client.parameters
    urls = {"home": web.address(client, "/")}
    urls |= {name: web.address(client, path) for name, path in p.site.pages.items()}
    urls |= {sub.host: f"https://{sub.host}/" for sub in p.site.subdomains.values()}
    zone = zone_hosts(client)
    urls |= {host: f"https://{host}/" for host in zone.own}
    urls[UNKNOWN_PAGE] = web.address(client, _unknown())
    pages = await _read(client, urls)
    # A name that only the zone file knows may show no page of its own: it is silent, or leads elsewhere.
    shown = []
    for page in pages:
        reply = page.response
        elsewhere = reply.status in REDIRECTS or web.host_of(reply.url) != page.name
        if page.name not in zone.own or not (elsewhere or reply.state in web.SILENT):
            shown.append(page)
    return ProductionEvidence(tuple(shown), zone)


async def _read(client: Client, urls: dict[str, str]) -> tuple[Tried, ...]:
    """Ask for pages as a stranger would."""
    answers = await asyncio.gather(*(client.network.request("GET", url, follow=web.HOPS) for url in urls.values()))
    return tuple(Tried(name, "page", "GET", url, a) for (name, url), a in zip(urls.items(), answers, strict=True))


def _unknown() -> str:
    return f"/launch-audit-{secrets.token_hex(6)}"


@probe
async def failures(client: Client) -> FailureEvidence | Unavailable:
    """Ask for what does not exist, with bodies and methods that no member sends; logged out, once each."""
    if (no := web.unauthorized(client)) or (no := client.forbidden("login")):
        return no
    login, home = web.page(client, "login"), web.address(client, "/")
    # The API lives beside each core read, and on hosts that are declared to be one.
    bases = [url.rsplit("/", 1)[0] for url in web.core_reads(client).values() if urlsplit(url).path.count("/") > 1]
    bases += [f"https://{s.host}" for s in client.parameters.site.subdomains.values() if s.expect == "api"]
    api = list(dict.fromkeys(bases))
    asked = [(UNKNOWN_PAGE, "page", "GET", web.address(client, _unknown()))]
    asked += [("an unknown API path", "api", "GET", f"{base}{_unknown()}") for base in api]
    bodies = [*([login] if isinstance(login, str) else []), *list(web.core_reads(client).values())[:1]]
    asked += [("a malformed body", "body", "POST", url) for url in bodies]
    asked += [("a wrong method", "method", "PATCH", url) for url in bodies[:1]]
    answers = await asyncio.gather(*(_send(client, method, url, kind) for _, kind, method, url in asked))
    missing = [] if api else [Unavailable("no API address is given", "site.core_reads")]
    missing += [login] if isinstance(login, Unavailable) else []
    return FailureEvidence(
        tuple(Tried(*one, answer) for one, answer in zip(asked, answers, strict=True)),
        await _read(client, {"home": home} | ({"login": login} if isinstance(login, str) else {})),
        tuple(missing),
    )


async def _send(client: Client, method: str, url: str, kind: str) -> Response:
    ask, headers = client.network.request, {"Accept": "text/html" if kind == "page" else "application/json"}
    if kind == "body":
        return await ask(method, url, headers=headers | {"Content-Type": "application/json"}, content=_MALFORMED)
    return await ask(method, url, headers=headers, follow=web.HOPS if kind == "page" else 0)


@check("hosting.production")
def production(evidence: ProductionEvidence) -> Verdict:
    """No development server, debug page, stack trace or directory listing answers on any page given."""
    clauses: list[Verdict] = []
    unseen = [web.why_unseen(page.url, page.response) for page in evidence.pages]
    missing = [why for why in unseen if why]
    seen = [page for page, why in zip(evidence.pages, unseen, strict=True) if why is None]
    if bad := [(page, sign) for page in seen for sign in markup.signs(page.response)]:
        what = "; ".join(dict.fromkeys(f"{page.name}: {sign.kind} ({sign.what})" for page, sign in bad[:6]))
        rows = [{"page": p.name, "address": p.url, "found": f"{s.kind} ({s.what})", "quote": s.quote} for p, s in bad]
        about = sorted({f"{page.name} {sign.kind}" for page, sign in bad})
        clauses.append(failed(f"the inside shows on {what}", evidence=rows, about=about))
    if missing:
        clauses.append(web.unseen(missing))
    clauses += evidence.zone.unseen()
    if seen and not bad:
        summary = f"{len(seen)} pages, an unknown address among them, show nothing of the inside"
        clauses.append(passed(summary, evidence=[_row(page) for page in seen]))
    return combine(*clauses) if clauses else web.unseen([web.NO_PAGE])


@check("hosting.failure_modes")
def failure_modes(evidence: FailureEvidence) -> Verdict:
    """What is wrong in a request gets the right 4xx within 2 s, in words, with nothing of the inside."""
    tried = (_judged(each, evidence.ordinary) for each in evidence.tried)
    return combine(*tried, *(web.unseen([why]) for why in evidence.missing))


def _judged(tried: Tried, ordinary: tuple[Tried, ...]) -> Verdict:
    response = tried.response
    if why := web.why_unseen(tried.url, response):
        return web.unseen([why])
    where = f"{tried.name} ({tried.method} {web.path_of(tried.url)})"
    if doubt := _doubt(tried, ordinary):
        return unknown(f"{where}: {doubt[0]}", needs=doubt[1], evidence=[_row(tried)])
    if not (faults := list(_faults(tried))):
        return passed(f"{where} is answered {response.status} in words a member can read", evidence=[_row(tried)])
    row = _row(tried) | {"wrong": "; ".join(faults)}
    about = [f"{tried.kind} {tried.method} {'login' if tried.kind == 'body' else ''}".strip()]
    return failed(f"{where}: {'; '.join(faults)}", evidence=[row], about=about)


def _doubt(tried: Tried, ordinary: tuple[Tried, ...]) -> tuple[str, str] | None:
    """Why an answer that is no 4xx says nothing about how the app fails; None where it does."""
    response = tried.response
    is_plain = (response.status or 0) < 400 and not markup.signs(response)
    if tried.kind == "page" and is_plain:
        pages = {one.name: one.response for one in ordinary if one.response.ok}
        if any(response.body == page.body for page in pages.values()) and not response.history:
            return "the app's own view decides in the browser", "a look in a browser at an address that does not exist"
        if response.history and "login" in pages and urlsplit(response.url).path == urlsplit(pages["login"].url).path:
            return "signed out, it leads to the login", "a look at an unknown address when signed in"
    if tried.kind == "body" and is_plain and markup.read(response.text, response.url).has_password:
        return "the login page takes forms only and shows its form again", "site.core_reads"
    if response.status == 429:
        return "a limit answered in its place", "network.headers with a token that the limit lets pass"
    return None


def _faults(tried: Tried) -> Iterator[str]:
    response = tried.response
    status = response.status or 0
    own_view = tried.kind == "page" and status == 200 and _NOT_FOUND.search(_said(response))
    if status not in _RIGHT[tried.kind] and not own_view:
        yield f"answered {status}" + (" as if all were well" if status < 400 else "")
    if response.seconds > SECONDS:
        yield f"took {response.seconds:.1f} s"
    for sign in (*markup.signs(response), *markup.details(response)):
        yield f"shows the inside: {sign.kind} ({sign.what})"
    if len(_WORDS.findall(_said(response))) < 2:
        yield "says nothing that a member can read"
