"""Latency samples with libcurl: one handle per simulated user, open schedule, phases apart, stopped before it hurts.

A closed loop hides stalls, because a slow answer delays the next question; so requests have due times, and the
response time counts from when a request was due.
"""

from __future__ import annotations

import asyncio
import http.server
import queue
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import certifi
import pycurl

from launchready_lib.network.dial import Dialer
from launchready_lib.network.types import NameNotResolvedError, RefusedError

MAX_ERROR_SHARE = 0.05
_TIMES = [getattr(pycurl, f"{name}_TIME") for name in ("NAMELOOKUP", "CONNECT", "APPCONNECT", "STARTTRANSFER", "TOTAL")]
_FEW = 20
_ALL_FAILED = 5


@dataclass(frozen=True)
class Shot:
    """One request of a schedule; `due_s` counts from its start."""

    due_s: float
    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True)
class Timing:
    """What one request took, in milliseconds.

    Attributes:
        service_ms: from sending to the last byte.
        response_ms: from when it was due to the last byte.
        connect_ms: the TCP handshake, which is one round trip; 0 where a connection was used again.
        first_byte_ms: from sending to the first byte.
        status: 0 where no status line came back.
        error: libcurl's words unless there was an answer.
        sent: whether anything of the request left.
    """

    url: str
    due_s: float
    service_ms: float
    response_ms: float
    connect_ms: float
    tls_ms: float
    first_byte_ms: float
    status: int
    size: int
    error: str | None = None
    sent: bool = True

    @property
    def good(self) -> bool:
        """An answer below 400."""
        return self.error is None and 0 < self.status < 400


@dataclass(frozen=True)
class Salvo:
    """All timings of one schedule, in the order of due times; `stopped` says why it ended early."""

    timings: tuple[Timing, ...]
    users: int
    stopped: str | None = None


async def fire(
    dialer: Dialer,
    shots: Iterable[Shot],
    *,
    users: int,
    ca_file: Path | None,
    timeout_s: float,
    within_s: float,
    headers: Mapping[str, str],
    audit_headers: Mapping[str, str],
) -> Salvo:
    """Send a schedule with so many users at once; certificates are verified, since sessions may travel.

    `audit_headers` go over TLS, or to this machine, alone.

    It stops by itself on a 429 or 503, on over 5 % of errors among 20 or more, when the first five all fail, and
    `within_s` after its start.
    """
    schedule = sorted(shots, key=lambda shot: shot.due_s)
    connect_to: list[str] = []
    open_to: set[tuple[str, int]] = set()
    for origin in dict.fromkeys(_origin(shot.url) for shot in schedule):
        try:
            target = (await dialer.targets(*origin))[0]
        except (RefusedError, NameNotResolvedError) as error:
            return Salvo((), users, stopped=str(error))
        ip = f"[{target.ip}]" if ":" in target.ip else target.ip
        if await dialer.is_near(*origin):
            open_to.add(origin)
        connect_to.append(f"{origin[0]}:{origin[1]}:{ip}:{target.port}")
    told = [
        replace(shot, headers={**headers, **audit_headers, **shot.headers})
        if shot.url.startswith("https:") or _origin(shot.url) in open_to
        else replace(shot, headers={**headers, **shot.headers})
        for shot in schedule
    ]
    battery = _Battery(told, connect_to, _trust(ca_file), timeout_s, within_s)
    try:
        await asyncio.to_thread(battery.run, users)
    finally:
        battery.halt()
    for timing in battery.timings:
        if timing.sent:
            dialer.traffic.count(_origin(timing.url)[0])
    return Salvo(tuple(sorted(battery.timings, key=lambda t: t.due_s)), users, battery.stopped)


def _origin(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


_Inbox = queue.SimpleQueue[Shot | None]


@cache
def _trust(ca_file: Path | None) -> bytes:
    bundle = Path(certifi.where()).read_bytes()
    return bundle if ca_file is None else bundle + b"\n" + ca_file.read_bytes()


@dataclass(eq=False, repr=False)
class _Battery:
    """The users' threads, each with its connection; whoever was busy last is asked first, so that connections live."""

    schedule: Sequence[Shot]
    connect_to: list[str]
    trust: bytes
    timeout_s: float
    within_s: float
    timings: list[Timing] = field(default_factory=list)
    stopped: str | None = None
    _errors: int = 0
    _idle: queue.LifoQueue[_Inbox] = field(default_factory=queue.LifoQueue)
    _halt: threading.Event = field(default_factory=threading.Event)
    _noting: threading.Lock = field(default_factory=threading.Lock)

    def halt(self) -> None:
        """Send nothing more; whoever waited for the end may have been cancelled."""
        self._halt.set()

    def run(self, users: int) -> None:
        """Send the schedule; returns when the last answer is in."""
        inboxes: list[_Inbox] = [queue.SimpleQueue() for _ in range(users)]
        start = time.perf_counter() + 0.01
        threads = [threading.Thread(target=self._user, args=(inbox, start), daemon=True) for inbox in inboxes]
        for thread in threads:
            thread.start()
        for inbox in inboxes:
            self._idle.put(inbox)
        self._dispatch(start)
        for inbox in inboxes:
            inbox.put(None)
        for thread in threads:
            thread.join()

    def _dispatch(self, start: float) -> None:
        for shot in self.schedule:
            self._halt.wait(max(0.0, start + shot.due_s - time.perf_counter()))
            inbox = self._idle.get()
            if self._halt.is_set():
                return
            if time.perf_counter() - start > self.within_s:
                self._stop(f"it took longer than {self.within_s:g} s")
                return
            inbox.put(shot)

    def _user(self, inbox: _Inbox, start: float) -> None:
        handle = pycurl.Curl()
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.TIMEOUT_MS, int(self.timeout_s * 1000))
        handle.setopt(pycurl.CONNECT_TO, self.connect_to)
        handle.setopt(pycurl.CAINFO_BLOB, self.trust)
        handle.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        handle.setopt(pycurl.PROXY, "")
        handle.setopt(pycurl.ACCEPT_ENCODING, "")
        while (shot := inbox.get()) is not None:
            try:
                self._note(self._perform(handle, shot, start))
            except BaseException:
                self._stop("this probe broke")
                raise
            finally:
                self._idle.put(inbox)
        handle.close()

    def _perform(self, handle: pycurl.Curl, shot: Shot, start: float) -> Timing:
        size = 0

        def count(part: bytes) -> None:
            nonlocal size
            size += len(part)

        error, sent = None, True
        try:
            handle.setopt(pycurl.URL, shot.url)
            handle.setopt(pycurl.HTTPHEADER, [f"{k}: {v}" for k, v in shot.headers.items()])
            if shot.body is None:
                handle.setopt(pycurl.HTTPGET, 1)
            else:
                handle.setopt(pycurl.POSTFIELDS, shot.body)
            handle.setopt(pycurl.CUSTOMREQUEST, shot.method)
            handle.setopt(pycurl.WRITEFUNCTION, count)
            handle.perform()
        except pycurl.error as failure:
            error = str(failure.args[1])[:200] if len(failure.args) > 1 else "it failed"
        except UnicodeError:
            error, sent = "the address or a header is not plain ASCII", False
        end = time.perf_counter()
        looked_up, connected, secured, first, total = (handle.getinfo(each) * 1000 for each in _TIMES)
        response = (end - start - shot.due_s) * 1000
        handshakes = max(connected - looked_up, 0.0), max(secured - connected, 0.0)
        status, sent = handle.getinfo(pycurl.RESPONSE_CODE), sent and handle.getinfo(pycurl.REQUEST_SIZE) > 0
        return Timing(shot.url, shot.due_s, total, response, *handshakes, first, status, size, error, sent)

    def _note(self, timing: Timing) -> None:
        with self._noting:
            self.timings.append(timing)
            self._errors += not timing.good and timing.status not in (401, 403)
            done = len(self.timings)
            if timing.status in (429, 503):
                self._stop(f"the site answered {timing.status}")
            elif (done >= _FEW and self._errors > MAX_ERROR_SHARE * done) or done == self._errors == _ALL_FAILED:
                self._stop(f"{self._errors} of {done} requests failed")

    def _stop(self, why: str) -> None:
        self.stopped = self.stopped or why
        self._halt.set()


STUB_DELAY_MS = 20.0


class _Stub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        time.sleep(STUB_DELAY_MS / 1000)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


def floor_ms(samples: int = 20) -> tuple[float, ...]:
    """What this probe adds by itself, in ms a request: its times against a local stub, less the stub's known delay."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        shots = [Shot(n * (STUB_DELAY_MS * 1.5) / 1000, url) for n in range(samples)]
        battery = _Battery(shots, [], _trust(None), 5.0, 30.0)
        battery.run(1)
    finally:
        server.shutdown()
        server.server_close()
    return tuple(max(t.service_ms - STUB_DELAY_MS, 0.0) for t in battery.timings)
