"""exposure.files: nothing private is served to whoever asks for it by its usual name."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from launchready_lib.checks import check
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.names.hosts import public_hosts
from launchready_lib.names.providers import table
from launchready_lib.names.zone_hosts import NO_ZONE_HOSTS, ZoneHosts, zone_hosts
from launchready_lib.network import REDIRECTS
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.site import markup, web
from launchready_lib.site.web import SILENT
from launchready_lib.wording import brief, listed

if TYPE_CHECKING:
    from launchready_lib.client import Client
    from launchready_lib.network import Response

ENOUGH = 65_536  # bytes of a file that are read: enough to know it by
AT_ONCE = 4
MOST_UNANSWERED = 12
"""Requests in a row that bring nothing, after which a host is left alone: some let strangers wait on purpose."""
MOST_KEYS = 12
_HEADERS = {"Range": f"bytes=0-{ENOUGH - 1}", "Accept-Encoding": "identity"}
_SERVED = (200, 206)
_MARKUP = re.compile(rb"<(?:html|head|body|div|main|p|h1|script|a|form)\b", re.IGNORECASE)
_TOKEN_LIKE = re.compile(r"\w*\d\w*")
_ENVIRONMENT_KEY = re.compile(rb"(?m)^[ \t]*(?:export[ \t]+)?([A-Z][A-Z0-9_]{2,40})[ \t]*=")
_SETTING_KEY = re.compile(rb"(?:^|[{,\n])[ \t]*[\"']?([A-Za-z][A-Za-z_.-]{1,40})[\"']?[ \t]*[:=]")


@dataclass(frozen=True)
class Kind:
    """One kind of thing that must not be served; see the head of data/exposed_files.yaml."""

    what: str
    paths: tuple[str, ...]
    looks: re.Pattern[bytes]
    shows_keys: bool = False
    is_html: bool = False
    is_open: bool = True


@cache
def kinds() -> tuple[Kind, ...]:
    """The package's table, compiled."""
    known = table("exposed_files.yaml")
    return tuple(
        Kind(
            entry["what"],
            tuple(entry["paths"]),
            re.compile(entry["looks"].encode("latin-1")),
            shows_keys=entry.get("shows") == "keys",
            is_html=entry.get("html", False),
            is_open=entry.get("open", True),
        )
        for entry in (*known["files"], *known["endpoints"])
    )


@dataclass(frozen=True)
class Exposed:
    """Something that was served."""

    url: str
    what: str
    status: int
    size: int  # bytes as declared, else as read
    keys: tuple[str, ...] = ()  # names of what it sets; values are never kept
    is_open: bool = True  # false where it asks for a login or holds nothing private


@dataclass(frozen=True)
class HostExposure:
    """What one host serves by usual names."""

    host: str
    asked: int  # how many addresses were asked for
    found: tuple[Exposed, ...] = ()
    unanswered: int = 0  # of these, how many brought nothing
    answers_everything: bool = False  # it answers 200 to names that nobody gave, as single-page apps do
    leads_to: str = ""  # it only redirects to this other host
    stopped: str = ""  # why not all were asked; empty where all were


@dataclass(frozen=True)
class ExposureEvidence(Evidence):
    """Every public host; `missing`: hosts that could not be asked at all; `zone`: the zone file's other names."""

    hosts: tuple[HostExposure, ...]
    missing: tuple[Unavailable, ...] = ()
    zone: ZoneHosts = NO_ZONE_HOSTS

    def rows(self) -> Iterable[Row]:
        """One row for each thing served, and one for each host."""
        yield from (_row(found) for host in self.hosts for found in host.found)
        yield from (_host_row(host) for host in self.hosts)


def _row(found: Exposed) -> Row:
    return {
        "address": found.url,
        "what": found.what,
        "status": found.status,
        "bytes": found.size,
        "keys": listed(found.keys, most=MOST_KEYS),
        "open": found.is_open,
    }


def _host_row(host: HostExposure) -> Row:
    note = f"leads to {host.leads_to}" if host.leads_to else host.stopped
    if host.answers_everything:
        note = f"{note}; answers 200 to every name, so content decides".lstrip("; ")
    return {"address": host.host, "what": f"{host.asked} usual names asked for", "note": note}


@probe
async def survey(client: Client) -> ExposureEvidence | Unavailable:
    """Ask each public host for names that nobody gave, then for what is usually left lying about."""
    if no := web.unauthorized(client):
        return no
    origin = web.origin(client)
    main = web.host_of(origin)
    zone = zone_hosts(client)
    others = [host for host in (*public_hosts(client.parameters), *zone.own) if host != main]
    bases = {main: origin} | {host: f"https://{host}" for host in others}
    first = dict(zip(bases, await asyncio.gather(*(_baseline(client, base) for base in bases.values())), strict=True))
    results = await asyncio.gather(
        *(
            _host(client, host, base, first[host], first[main] if host != main else ())
            for host, base in bases.items()
            # A name that only the zone file knows may serve nothing of its own: it is silent, or leads elsewhere.
            if host not in zone.own or not (first[host][0].state in SILENT or _elsewhere(host, first[host][0]))
        )
    )
    return ExposureEvidence(
        tuple(r for r in results if isinstance(r, HostExposure)),
        tuple(r for r in results if isinstance(r, Unavailable)),
        zone,
    )


def _elsewhere(host: str, answer: Response) -> str:
    """The other host that an answer redirects to; empty where it does not."""
    target = web.host_of(answer.header("location") or "") if answer.status in REDIRECTS else ""
    return target if target != host else ""


def _random() -> str:
    return f"launch-audit-{secrets.token_hex(6)}"


async def _ask(client: Client, url: str) -> Response:
    return await client.network.request("GET", url, headers=_HEADERS, max_body=ENOUGH)


def _hash(response: Response) -> str:
    return hashlib.sha256(response.body).hexdigest()


async def _baseline(client: Client, base: str) -> tuple[Response, ...]:
    """What a host says to names that nobody gave: plain, hidden, a folder, a dump."""
    shapes = (f"/{_random()}", f"/.{_random()}", f"/{_random()}/", f"/{_random()}.sql")
    return tuple(await asyncio.gather(*(_ask(client, base + shape) for shape in shapes)))


async def _host(
    client: Client, host: str, base: str, baseline: tuple[Response, ...], main: tuple[Response, ...]
) -> HostExposure | Unavailable | None:
    first = baseline[0]
    if first.state == "dns" and not web.is_declared(client, host) and await web.is_absent(client, host):
        return None
    if target := _elsewhere(host, first):
        return HostExposure(host, len(baseline), leads_to=target)
    if why := web.why_unseen(f"{base}/", first):
        return why
    ordinary = {_hash(answer) for answer in baseline if answer.status in _SERVED}
    run = _Run(client, host, base, ordinary)
    is_same = bool(main) and _manner(first) == _manner(main[0])
    await asyncio.gather(*(run.one(kind, path) for kind in kinds() for path in _paths(kind, client, briefly=is_same)))
    found = tuple(sorted(run.found, key=lambda e: (not e.is_open, e.url)))
    return HostExposure(host, run.asked, found, run.unanswered, bool(ordinary), "", run.stopped)


def _manner(answer: Response) -> tuple[int | None, str, str]:
    """How a host refuses what does not exist, so that one app under two names is known; tokens left out."""
    page = markup.read(answer.text, answer.url)
    words = f"{page.title} {page.text}" if markup.is_html(answer) else answer.text[:2_000]
    return answer.status, answer.media_type, _TOKEN_LIKE.sub("", words)


def _paths(kind: Kind, client: Client, *, briefly: bool) -> Iterator[str]:
    """Every usual place; the most usual one alone where the same app was asked for all of them under another name."""
    domain = client.parameters.domain
    for path in kind.paths[:1] if briefly else kind.paths:
        yield path.replace("{domain}", domain).replace("{name}", domain.split(".", 1)[0])


class _Run:
    """The requests to one host: few at a time, none after the host says that it is enough."""

    def __init__(self, client: Client, host: str, base: str, ordinary: set[str]) -> None:
        self._client, self._host, self._base, self._ordinary = client, host, base, ordinary
        self._gate = asyncio.Semaphore(AT_ONCE)
        self.found: list[Exposed] = []
        self.asked = self.unanswered = self._silent = 0
        self.stopped = ""

    async def one(self, kind: Kind, path: str) -> None:
        """Ask for one address, and prove what comes by its content and by a neighbour that nobody named."""
        async with self._gate:
            if self.stopped:
                return
            self.asked += 1
            answer = await _ask(self._client, self._base + path)
            if answer.status == 429 or web.is_challenge(answer):
                self.stopped = f"{self._host} set a limit after {self.asked} requests"
            elif not answer.ok:
                self.unanswered += 1
                self._silent += 1
                if self._silent >= MOST_UNANSWERED:
                    self.stopped = f"{self._host} stopped answering ({answer.error}) after {self.asked} requests"
            else:
                self._silent = 0
                if self._proves(kind, answer) and not await self._is_everywhere(kind, path):
                    self.found.append(_exposed(kind, self._base + path, answer))

    def _proves(self, kind: Kind, answer: Response) -> bool:
        if answer.status not in _SERVED or _hash(answer) in self._ordinary or (not kind.is_html and _is_page(answer)):
            return False
        return kind.looks.search(answer.body) is not None

    async def _is_everywhere(self, kind: Kind, path: str) -> bool:
        """Whether a neighbour that nobody named looks the same, so that the host answers so to anything."""
        folder, _, name = path.partition("?")[0].rstrip("/").rpartition("/")
        dot = "." if name.startswith(".") else ""
        suffix = "".join(Path(name.lstrip(".")).suffixes)
        end = "/" if path.endswith("/") else ""
        control = await _ask(self._client, f"{self._base}{folder}/{dot}{_random()}{suffix}{end}")
        return control.status in _SERVED and kind.looks.search(control.body) is not None


def _is_page(answer: Response) -> bool:
    """Whether content is a page, by how it begins; where it is declared to be one, by any markup near its beginning."""
    declared = answer.media_type == "text/html"
    return markup.looks_like_html(answer.body) or (declared and _MARKUP.search(answer.body[:4_096]) is not None)


def _exposed(kind: Kind, url: str, answer: Response) -> Exposed:
    size = (answer.header("content-range") or "").rpartition("/")[2] or answer.header("content-length") or ""
    bytes_known = int(size) if size.isdigit() and len(size) < 16 else len(answer.body)
    pattern = _ENVIRONMENT_KEY if kind.what == "environment file" else _SETTING_KEY
    keys = dict.fromkeys(match.decode("ascii") for match in pattern.findall(answer.body)) if kind.shows_keys else ()
    return Exposed(url, kind.what, answer.status or 0, bytes_known, tuple(keys)[:MOST_KEYS], kind.is_open)


@check("exposure.files")
def files(exposure: ExposureEvidence) -> Verdict:
    """No environment file, VCS data, backup, dump, or open admin or debug endpoint is served."""
    clauses = [web.unseen(exposure.missing)] if exposure.missing else []
    clauses += exposure.zone.unseen()
    served = [found for host in exposure.hosts for found in host.found if found.is_open]
    aside = [_row(found) for host in exposure.hosts for found in host.found if not found.is_open]
    if served:
        clauses.append(_served(served))
    for host in exposure.hosts:
        if host.stopped or host.unanswered:
            reason = host.stopped or f"{host.unanswered} of {host.asked} addresses of {host.host} brought no answer"
            needs = "network.headers with a token that the limit lets pass" if host.stopped else web.AGAIN
            clauses.append(unknown(reason, needs=needs, evidence=[_host_row(host)]))
    known = {host.host for host in exposure.hosts if not host.leads_to}
    for host in exposure.hosts:
        if host.leads_to and host.leads_to not in known:
            reason = f"{host.host} only leads to {host.leads_to}, which was not asked"
            clauses.append(unknown(reason, needs=f"site.canonical and authorization.hosts with {host.leads_to}"))
    if exposure.hosts and not served:
        asked = sum(host.asked for host in exposure.hosts)
        hosts = brief(host.host for host in exposure.hosts)
        rows = [*(_host_row(host) for host in exposure.hosts), *aside]
        clauses.append(passed(f"{hosts}: none of {asked} usual names holds anything private", evidence=rows))
    return combine(*clauses) if clauses else web.unseen([web.NO_PAGE])


def _served(served: list[Exposed]) -> Verdict:
    what = brief(f"{found.what} at {found.url}" for found in served)
    holds_secrets = any(found.keys or "key" in found.what or "password" in found.what for found in served)
    rotate = " Rotate every credential in it: assume that it was read." if holds_secrets else ""
    paths = brief(web.path_of(found.url) for found in served)
    return failed(
        f"anybody can read: {what}",
        evidence=[_row(found) for found in served],
        fix=f"Remove {paths} from what is served, and refuse dot-files at the server "
        f"(nginx: location ~ /\\. {{ deny all; }}).{rotate}",
        about=sorted(found.url for found in served),
    )
