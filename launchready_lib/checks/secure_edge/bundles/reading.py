"""Reads the core pages, the scripts that they name or lead to, and their source maps; bounded in size, number, time.

Where a script says that its map is, and the sources in it, are as ECMA-426 has them.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

from launchready_lib.checks.secure_edge.bundles import scanning
from launchready_lib.checks.secure_edge.bundles.evidence import BundlesEvidence, Received
from launchready_lib.evidence import Unavailable, probe
from launchready_lib.network import Purpose, Response
from launchready_lib.site import markup, web
from launchready_lib.sources.credentials import Hit, Standing, gathered

if TYPE_CHECKING:
    from launchready_lib.checks.secure_edge.mixed import OpenedPages
    from launchready_lib.client import Client
    from launchready_lib.site.signin import SignedIn

AT_ONCE = 6
MOST_FILES = 250
MOST_BYTES = 80_000_000
SECONDS = 90.0
MOST_HITS = 400
_MOST_CHUNKS = 150
_MOST_SOURCES = 20_000
_LONGEST_NAME = 120
_COMMENT = "sourceMappingURL="
_CHUNK = re.compile(
    r"""["'`]((?:https?://[\w.-]{1,100}/|\.{1,2}/|/|(?:assets|static|_next|chunks|build|js)/)[\w@~+./-]{1,200}\.m?js)["'`]"""
)
_KNOWN = {"rotated": Standing.ROTATED, "false_alarm": Standing.FALSE_ALARM}


@probe
async def survey(
    client: Client, member: SignedIn | Unavailable | None = None, opened: OpenedPages | Unavailable | None = None
) -> BundlesEvidence | Unavailable:
    """Read what browsers are sent on each page of `site.pages`, as a stranger and, where it takes one, as a member.

    Scripts that a browser was seen to load on opened pages are read too.
    """
    if no := web.unauthorized(client):
        return no
    reading = _Reading(client, member)
    pages = {"home": "/", **client.parameters.site.pages}
    await asyncio.gather(*(reading.page(name, web.address(client, path)) for name, path in pages.items()))
    await reading.scripts(() if opened is None or isinstance(opened, Unavailable) else opened.scripts)
    known = {entry.fingerprint: _KNOWN[entry.verdict] for entry in client.parameters.repository.known_secrets}
    found = await asyncio.to_thread(gathered, reading.hits, known)
    return BundlesEvidence(tuple(reading.received), found, tuple(dict.fromkeys(reading.missing)))


class _Reading:
    """One run: what is asked for once is not asked for again, and what is over the bounds is named."""

    def __init__(self, client: Client, member: SignedIn | Unavailable | None) -> None:
        self._client, self._member = client, member
        self._until = time.monotonic() + SECONDS
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._scanning = asyncio.Lock()
        self._left = MOST_BYTES
        self._asked: set[str] = set()
        self._scripts: dict[str, None] = {}
        self.hits: list[Hit] = []
        self.received: list[Received] = []
        self.missing: list[Unavailable] = []

    async def page(self, name: str, url: str) -> None:
        """Read one page as a stranger; where it leads a stranger away, as the member too."""
        answer = await self._get(url)
        await self._page(name, url, answer, signed_in=False)
        if name != "dashboard" and not answer.history and answer.status not in (401, 403):
            return
        if self._member is None or isinstance(self._member, Unavailable):
            no = self._member or Unavailable("no member is signed in", "authorization.allow: [login]")
            self.missing.append(Unavailable(f"the {name} page as members get it was not read: {no.reason}", no.needs))
            return
        mine = await self._member.session.request("GET", url, verify=True, follow=web.HOPS)
        await self._page(name, url, mine, signed_in=True)

    async def _page(self, name: str, url: str, answer: Response, *, signed_in: bool) -> None:
        if why := web.why_unseen(url, answer):
            self.missing.append(why)
            return
        if (answer.status or 0) >= 400 and (signed_in or answer.status not in (401, 403)):
            reason = f"the {name} page answered {answer.status}"
            self.missing.append(Unavailable(reason, f"site.pages.{name} with the address of a page that answers"))
        text = answer.text
        await self._take(Received("page", answer.url, len(text), signed_in), answer, text, is_page=True)
        if len(text) > markup.LONGEST:
            reason = f"the {name} page is over {markup.LONGEST / 1e6:g} MB: which scripts its end names was not read"
            self.missing.append(Unavailable(reason, "a look at this page by hand"))
        for resource in markup.read(text, answer.url).resources:
            if resource.kind == "script":
                self._scripts[resource.url] = None

    async def scripts(self, more: Iterable[str]) -> None:
        """Read every script named so far, and those that they lead to, until there are no new ones."""
        new = list(dict.fromkeys((*self._scripts, *more)))
        named = set(new)
        while new := [url for url in new if _plain(url) not in self._asked]:
            led = await asyncio.gather(*(self._script(url, is_named=url in named) for url in new))
            new = list(dict.fromkeys(url for urls in led for url in urls))

    async def _script(self, url: str, *, is_named: bool) -> list[str]:
        """Read a script and its map; gives the scripts that it leads to."""
        if not self._may(url) or web.host_of(url) in self._client.parameters.site.third_parties:
            return []
        answer = await self._get(url)
        is_refused = answer.status in (401, 403) and self._is_ours(url)
        if is_refused and self._member is not None and not isinstance(self._member, Unavailable):
            answer = await self._member.session.request("GET", url, verify=True)
        if not answer.ok or answer.status != 200:
            await self._lost(url, answer, is_named=is_named)
            return []
        if markup.looks_like_html(answer.body) and not is_named:
            return []
        text = answer.text
        await self._take(Received("script", url, len(text)), answer, text)
        await self._map(answer, text)
        return list(_chunks(text, url)) if self._is_ours(url) else []

    async def _lost(self, url: str, answer: Response, *, is_named: bool) -> None:
        if not is_named:
            return
        host = web.host_of(url)
        if answer.ok:
            note = f"answered {answer.status}"
        elif answer.state == "dns" and await web.is_absent(self._client, host):
            note = "its host does not exist, so no browser gets it"
        else:
            elsewhere = f"a run from where {host} can be reached, or site.third_parties"
            needs = web.AGAIN if self._is_ours(url) else elsewhere
            self.missing.append(Unavailable(f"the script {url[:200]} did not come: {answer.error}", needs))
            note = answer.error or answer.state
        self.received.append(Received("script", url, 0, note=note))

    async def _map(self, script: Response, text: str) -> None:
        """Read the source map that a script names; where it names none, the one that may lie beside it."""
        reference = map_address(script, text)
        url = reference or f"{_plain(script.url)}.map"
        if url.startswith("data:"):
            content, shown, answer = inline_map(url), f"{script.url} (inline)", script
        elif (not reference and not self._is_ours(url)) or not self._may(url):
            return
        else:
            answer = await self._get(url)
            if reference and not answer.ok:
                self.missing.append(Unavailable(f"the source map {url[:200]} did not come: {answer.error}", web.AGAIN))
            if not answer.ok or answer.status != 200 or markup.looks_like_html(answer.body):
                return
            content, shown = answer.body, url
        sources = await asyncio.to_thread(map_sources, content)
        if sources is None:
            if answer.truncated and reference:
                received = Received("source map", shown, len(content))
                await self._take(received, answer, content.decode("utf-8", "replace"))
            return
        note = f"{len(sources)} sources in full" if sources else "names of sources only"
        self.received.append(Received("source map", shown, len(content), note=note))
        for name, source in sources:
            await self._scan(source, f"{name} in {shown}")

    def _is_ours(self, url: str) -> bool:
        return web.same_site(url, web.origin(self._client))

    def _may(self, url: str) -> bool:
        """Whether to ask for one more file; each once."""
        plain = _plain(url)
        if plain in self._asked or not plain.startswith(("http://", "https://")):
            return False
        if len(self._asked) >= MOST_FILES or self._left <= 0:
            over = f"more than {MOST_FILES} scripts and maps" if self._left > 0 else f"over {MOST_BYTES // 10**6} MB"
            self.missing.append(Unavailable(f"the pages lead to {over}: the rest was not read", "a look by hand"))
            return False
        self._asked.add(plain)
        return True

    async def _get(self, url: str) -> Response:
        scope = self._client.network.scope
        purpose = Purpose.AUDIT if scope.names(web.host_of(url)) else Purpose.SUBRESOURCE
        async with self._gate:
            answer = await self._client.network.request("GET", url, follow=web.HOPS, purpose=purpose)
        self._left -= len(answer.body)
        return answer

    async def _take(self, received: Received, answer: Response, text: str, *, is_page: bool = False) -> None:
        self.received.append(received)
        if answer.truncated:
            reason = f"only the first {len(answer.body) / 1e6:.1f} MB of {received.url[:200]} came"
            self.missing.append(Unavailable(reason, "network.max_body_mb, and a site that sends it whole"))
        await self._scan(text, received.url, is_page=is_page)

    async def _scan(self, text: str, place: str, *, is_page: bool = False) -> None:
        """Look for credentials, one text at a time: nothing is gained by several."""
        async with self._scanning:
            try:
                found = scanning.scan(text, place, is_page=is_page, until=self._until)
                self.hits += await asyncio.to_thread(list, found)
            except TimeoutError:
                reason = f"reading took over {SECONDS:g} s: {place[:200]} and what came after it was not looked through"
                self.missing.append(Unavailable(reason, "a second try, or a look by hand"))
                return
        if len(self.hits) > MOST_HITS:
            self.hits = sorted(self.hits, key=lambda hit: hit.standing is not Standing.SECRET)[:MOST_HITS]


def _plain(url: str) -> str:
    """An address without query and fragment: the same file."""
    return url.partition("#")[0].partition("?")[0]


def _chunks(script: str, url: str) -> Iterator[str]:
    """Addresses of scripts that a script may load later, as bundlers write them."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    found = dict.fromkeys(match[1] for _, match in zip(range(_MOST_CHUNKS), _CHUNK.finditer(script), strict=False))
    for reference in found:
        if reference.startswith(("http://", "https://", "/", ".")):
            target = urljoin(url, reference)
        elif reference.startswith("static/chunks/"):
            target = f"{origin}/_next/{reference}"
        else:
            target = f"{origin}/{reference}"
        if web.same_site(target, url):
            yield target


def map_address(script: Response, text: str) -> str:
    """The address of a script's map, whole or `data:`, as the script or its headers give it; empty where none does."""
    header = script.header("sourcemap") or script.header("x-sourcemap")
    _, has_comment, rest = text.rpartition(_COMMENT)
    line = rest.partition("\n")[0] if has_comment else ""
    reference = header or line.split("*/", 1)[0].strip().strip("\"'")
    if not reference or reference.startswith("data:"):
        return reference
    try:
        return urljoin(script.url, reference[:2_000])
    except ValueError:
        return ""


def inline_map(reference: str) -> bytes:
    """The content of a `data:` address (RFC 2397); empty where it cannot be read."""
    head, _, data = reference.partition(",")
    if not head.endswith(";base64"):
        return unquote_to_bytes(data)
    try:
        return base64.b64decode(data, validate=False)
    except (ValueError, binascii.Error):
        return b""


def map_sources(content: bytes) -> tuple[tuple[str, str], ...] | None:
    """(name, content) of every source that a map carries; None where it is not a map."""
    text = content.decode("utf-8", "replace")
    if text.startswith(")]}"):  # the guard against script inclusion that the standard allows
        text = text.partition("\n")[2]
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or "version" not in body or not ({"sources", "sections"} & set(body)):
        return None
    sections = body.get("sections")
    parts = [s.get("map") for s in sections if isinstance(s, dict)] if isinstance(sections, list) else []
    return tuple(
        pair for part in (body, *parts[:_MOST_SOURCES]) if isinstance(part, dict) for pair in _sources_in(part)
    )


def _sources_in(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    names, contents = body.get("sources"), body.get("sourcesContent")
    if not isinstance(contents, list):
        return
    names = names if isinstance(names, list) else []
    for number, content in enumerate(contents[:_MOST_SOURCES]):
        if isinstance(content, str):
            name = names[number] if number < len(names) else f"source {number + 1}"
            yield " ".join(str(name).split())[-_LONGEST_NAME:], content
