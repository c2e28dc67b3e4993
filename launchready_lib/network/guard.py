"""What a browser may send where: each request judged by itself before it leaves, by its target, its kind, its content.

Hosts of the authorization get everything. Any other host may only be loaded from, as a member's browser does: no form,
no body, no beacon, no page of its own, and nothing that carries a secret that we typed.
"""

from __future__ import annotations

import asyncio
import base64
import html
import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, unquote_plus, urlsplit

from launchready_lib.network.scope import normal
from launchready_lib.network.types import Refusal

if TYPE_CHECKING:
    from playwright.async_api import CDPSession

    from launchready_lib.network.dial import Dialer

READS = ("GET", "HEAD")
CARRIED = "a page was about to send it what we had typed"
LED = "a page led there, and authorization.hosts does not name it"
SENT = "a page was about to send something there, and authorization.hosts does not name it"
BLOCKED = "network.third_parties lets browsers load nothing of other hosts"
LEFT = "a request had left for it before it could be stopped; the page was closed then"
_SENDING_KINDS = ("Ping", "CSPViolationReport")
_LARGEST = 200_000
_SHORT, _WHOLE = 4, 8  # below the first nothing is looked for, below the second only whole words are
_KEPT = 200
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


@dataclass(frozen=True)
class Wish:
    """A request that a page wants to make."""

    method: str
    url: str
    kind: str  # as DevTools says: Document, Image, Fetch, Ping and so on
    leads: bool = False  # it would replace a page, or open one of its own
    said: str = ""  # headers and body, where it goes out of scope

    @property
    def host(self) -> str:
        """Whom it is for; empty where it stays in the browser."""
        parts = urlsplit(self.url)
        return normal(parts.hostname or "") if parts.scheme in ("http", "https") else ""

    @property
    def port(self) -> int:
        """Its port."""
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def secure(self) -> bool:
        """It goes over TLS, whose certificate the browser or the proxy verifies."""
        return self.url.lower().startswith("https:")

    @property
    def sends(self) -> bool:
        """It hands something over instead of asking for something."""
        return self.method not in READS or self.kind in _SENDING_KINDS


@dataclass(frozen=True)
class Stopped:
    """A request that did not leave, or a form that was not submitted."""

    host: str
    carried: bool  # it held a secret that we typed
    leads: bool
    sends: bool


@dataclass(eq=False, repr=False)
class Guard:
    """The judge of every request of every browser of one network.

    Attributes:
        loads: whether other hosts may be loaded from at all.
        headers: the audit's own, for hosts of the authorization.
    """

    dialer: Dialer
    headers: Mapping[str, str] = field(default_factory=dict)
    loads: bool = True
    _secrets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _paying: frozenset[str] = frozenset()
    _watching: list[deque[Stopped]] = field(default_factory=list)

    def arm(self, *secrets: str) -> None:
        """Let these go nowhere but to hosts in scope, from now on; call it before one is typed."""
        self._secrets |= {secret: _needles(secret) for secret in secrets if len(secret) >= _SHORT}

    @contextmanager
    def paying(self, *hosts: str) -> Iterator[None]:
        """Let pages lead to these hosts (`site.payment_hosts`) and send there, though never a secret that was typed."""
        before, self._paying = self._paying, self._paying | {normal(host) for host in hosts}
        try:
            yield
        finally:
            self._paying = before

    @contextmanager
    def watching(self) -> Iterator[deque[Stopped]]:
        """What is stopped meanwhile, the newest of it."""
        seen: deque[Stopped] = deque(maxlen=_KEPT)
        self._watching.append(seen)
        try:
            yield seen
        finally:
            self._watching[:] = [each for each in self._watching if each is not seen]

    def inside(self, host: str) -> bool:
        """Whether a host may be sent anything."""
        return self.dialer.scope.names(host)

    @property
    def allowed(self) -> list[str]:
        """The names and patterns of hosts that may be sent to."""
        return [normal(host) for host in (*(self.dialer.scope.hosts or ()), *self._paying)]

    def pays(self, host: str) -> bool:
        """Whether a host is one to pay at, now."""
        return normal(host) in self._paying

    def why_not(self, wish: Wish) -> str:
        """Why a request may not leave; empty where it may."""
        if not wish.host or self.inside(wish.host):
            return ""
        if self.carries(f"{wish.url}\n{wish.said}"):
            return CARRIED
        if self.pays(wish.host):
            return ""
        if wish.leads:
            return LED
        if wish.sends:
            return SENT
        return "" if self.loads else BLOCKED

    def stop(self, wish: Wish, reason: str) -> None:
        """Record what did not leave."""
        self.dialer.traffic.refuse(Refusal(wish.host, wish.port, reason))
        for seen in self._watching:
            seen.append(Stopped(wish.host, reason == CARRIED, wish.leads, wish.sends))

    def stop_form(self, url: str) -> None:
        """Record a form that a frame did not submit, as the page says: only what is true of its target counts."""
        wish = Wish("POST", url, "Form")
        if wish.host and not self.inside(wish.host) and not self.pays(wish.host):
            self.stop(wish, CARRIED if self._secrets else SENT)

    def carries(self, text: str) -> bool:
        """Whether a text holds a secret that was typed: plain, percent-encoded, escaped, as base64 or hexadecimal."""
        if not self._secrets:
            return False
        spelt = _unfolded(text[:_LARGEST])
        return any(_holds(spelt, secret, needles) for secret, needles in self._secrets.items())


def _needles(secret: str) -> tuple[str, ...]:
    """What a secret looks like in base64, at each of three alignments and in both alphabets."""
    if len(secret) < _WHOLE:
        return ()
    found = []
    for lead in range(3):
        whole = base64.b64encode(b"\0" * lead + secret.encode()).decode()
        start = -(-lead * 8 // 6)
        core = whole[start : len(whole.rstrip("=")) - (1 if whole.endswith("=") else 0)]
        found += [core, core.replace("+", "-").replace("/", "_")]
    return tuple(dict.fromkeys(found))


def _unfolded(text: str) -> list[str]:
    """A text, and what it says once percent signs, escapes and entities are undone, three times over."""
    found = {text: None}
    for undo in (unquote, unquote_plus):
        step = text
        for _ in range(3):
            step = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), html.unescape(undo(step)))
            found[step] = None
    return list(found)


def _holds(spelt: list[str], secret: str, needles: tuple[str, ...]) -> bool:
    if len(secret) < _WHOLE:
        word = re.compile(rf"(?<![0-9A-Za-z]){re.escape(secret)}(?![0-9A-Za-z])", re.IGNORECASE)
        return any(word.search(text) for text in spelt)
    plain = {secret.lower(), json.dumps(secret)[1:-1].lower(), secret.encode().hex()}
    if any(needle in text for needle in needles for text in spelt):
        return True
    return any(needle in text.lower() for needle in plain for text in spelt)


class Interception:
    """The browser's own interception (DevTools, Fetch), for all its pages, popups, frames and workers at once.

    It pauses requests before they leave, each hop of a redirect too. Playwright's routes would not do: they switch off
    the browser's cache and see no redirects.
    """

    def __init__(self, devtools: CDPSession, guard: Guard, allow: Callable[[str, bool], None]) -> None:
        self._devtools = devtools
        self._guard = guard
        self._allow = allow
        self._under_way: set[asyncio.Task[None]] = set()

    async def begin(self) -> None:
        """Pause every request from now on."""
        self._devtools.on("Fetch.requestPaused", self._paused)
        await self._devtools.send("Fetch.enable", {})

    def _paused(self, event: Mapping[str, Any]) -> None:
        task = asyncio.get_running_loop().create_task(self._settle(event))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _settle(self, event: Mapping[str, Any]) -> None:
        from playwright.async_api import Error  # noqa: PLC0415 - only where a browser runs

        with suppress(Error):  # the page may be gone by then
            wish = await self._wish(event)
            if reason := self._guard.why_not(wish):
                self._guard.stop(wish, reason)
                failed = {"requestId": event["requestId"], "errorReason": "BlockedByClient"}
                await self._devtools.send("Fetch.failRequest", failed)
                return
            await self._devtools.send("Fetch.continueRequest", await self._let(wish, event))

    async def _wish(self, event: Mapping[str, Any]) -> Wish:
        asked, kind = event["request"], str(event["resourceType"])
        wish = Wish(str(asked["method"]).upper(), str(asked["url"]), kind)
        if not wish.host or self._guard.inside(wish.host):
            return wish
        parts = [f"{name}: {value}" for name, value in asked["headers"].items()]
        body = b"".join(base64.b64decode(each.get("bytes", "")) for each in asked.get("postDataEntries", ()))
        said = "\n".join([*parts, body[:_LARGEST].decode("utf-8", "replace")])
        leads = kind == "Document" and await self._leads(str(event["frameId"]))
        return Wish(wish.method, wish.url, kind, leads, said)

    async def _leads(self, frame: str) -> bool:
        """Whether a frame is a page itself: those of a page's own frames are no targets."""
        found = await self._devtools.send("Target.getTargets", {"filter": [{}]})
        return any(each["targetId"] == frame and each["type"] != "iframe" for each in found["targetInfos"])

    async def _let(self, wish: Wish, event: Mapping[str, Any]) -> dict[str, Any]:
        wanted: dict[str, Any] = {"requestId": event["requestId"]}
        if not wish.host:
            return wanted
        traffic = self._guard.dialer.traffic
        traffic.count(wish.host)
        if not self._guard.inside(wish.host):
            traffic.load(wish.host, wish.kind)
            self._allow(wish.host, self._guard.pays(wish.host))
        elif self._guard.headers and (wish.secure or await self._guard.dialer.is_near(wish.host, wish.port)):
            own = event["request"]["headers"] | dict(self._guard.headers)
            wanted["headers"] = [{"name": name, "value": value} for name, value in own.items()]
        return wanted
