"""Whatever a web server does, each web probe ends in bounded time and memory, and nothing unseen looks like a pass."""

import asyncio
import datetime as dt
import gzip
import tracemalloc
from contextlib import asynccontextmanager

import pytest

from launchready_lib.checks.quick_audit import production, redirects
from launchready_lib.checks.reduce_drag import caching
from launchready_lib.checks.secure_edge import bundles, bursts, edge, exposure, floods, headers, origin, tls
from launchready_lib.evidence import Unavailable
from launchready_lib.record.findings import Status
from tests.certificates import DAY, Issued, context, issue
from tests.web_servers import DOMAIN, client, listening, resolver

pytestmark = pytest.mark.anyio

ROOT = issue("Test Root", ca=True, lifetime=3650 * DAY)
ZONE = f"{DOMAIN}. A 203.0.113.130\nwww.{DOMAIN}. A 203.0.113.130\n"
BOMB = gzip.compress(b"<p>" + bytes(40_000_000))
BOUND_S = 180
"""Far above what it takes, far below what it would take without limits."""
MEGABYTES = 48
"""Of memory at once, the servers' own included: bodies are cut at 0.2 MB here, and dozens are read side by side."""


async def _reset(_reader, writer):
    writer.transport.abort()


async def _silence(_reader, _writer):
    await asyncio.Event().wait()


async def _long_headers(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for place in range(10_000):
        writer.write(b"X-%d: " % place + b"y" * 1_000 + b"\r\n")
        await writer.drain()
    writer.write(b"\r\n")


async def _dripping_headers(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def _no_http(reader, writer):
    await reader.read(100)
    writer.write(b"\x00\xff\xfe SSH-2.0-OpenSSH\r\n\r\n")
    await writer.drain()


async def _endless_body(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>")
    while True:
        writer.write(b"<script src=/a.js></script>" * 2_000)
        await writer.drain()


async def _bomb(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n")
    writer.write(b"Content-Length: %d\r\n\r\n" % len(BOMB) + BOMB)
    await writer.drain()


async def _loop(reader, writer):
    target = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1]
    writer.write(b"HTTP/1.1 302 Found\r\nLocation: " + target + b"x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()


async def _not_utf_8(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    body = b"<html><title>\xff\xfe\xc3(</title><script>\xed\xa0\x80</script><form action='\xff'></form>\x00"
    writer.write(
        b"HTTP/1.1 200 \xff\xfe\r\nContent-Type: text/html; charset=utf-8\r\nServer: \xff\xc3(\r\n"
        b"Set-Cookie: \xff=\xfe; SameSite=\xff\r\nContent-Security-Policy: script-src \xff 'nonce-\xfe'\r\n"
        b"Permissions-Policy: \xff=(\xfe)\r\nStrict-Transport-Security: max-age=\xb2\r\nLink: <\xff>\r\n"
        b"Cache-Control: max-age=\xb2\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body
    )
    await writer.drain()


@asynccontextmanager
async def _site(handle, folder, *, timeout_s=1.5):
    """A client whose every web host is a server that does this, over plain HTTP and over TLS."""
    (folder / "ca.pem").write_bytes(ROOT.pem)
    served = context(folder, issue(DOMAIN, ROOT, names=(DOMAIN, f"*.{DOMAIN}")))
    async with (
        resolver(ZONE) as dns,
        listening(handle) as plain,
        listening(handle, context=served) as secure,
    ):
        network = {
            "nameservers": [dns],
            "ca_file": str(folder / "ca.pem"),
            "timeout_s": timeout_s,
            "max_body_mb": 0.2,
            "connect_to": {"203.0.113.130:80": f"127.0.0.1:{plain}", "203.0.113.130:443": f"127.0.0.1:{secure}"},
        }
        granted = {"granted_by": "x", "granted_on": "2026-01-01", "hosts": [DOMAIN, f"*.{DOMAIN}"],
                   "allow": ["login", "rate_limit"]}  # fmt: skip
        given = {
            "network": network,
            "authorization": granted,
            "site": {"pages": {"login": "/login", "dashboard": "/dashboard"}},
            "hosting": {"edge": "cloudflare", "edge_networks": ["203.0.113.128/25"], "origins": ["203.0.113.130"]},
        }
        async with client(0, root=folder, **given) as audited:
            yield audited


async def _judged(acme):
    """Every web check, from every web probe."""
    nobody = Unavailable("no member here", "nothing")
    gate = await edge.survey(acme)
    answers, sent, files, found, hops, seen, encryption, open_hosts, behind = await asyncio.gather(
        headers.survey(acme), bundles.survey(acme), caching.survey(acme), exposure.survey(acme), redirects.survey(acme),
        production.survey(acme), tls.survey(acme), floods.survey(acme, gate), origin.survey(acme, gate),
    )  # fmt: skip
    return (
        edge.proxied(gate), floods.absorbed(open_hosts), origin.hidden(behind),
        headers.hsts(answers), headers.csp(answers), headers.framing(answers), headers.sniffing(answers),
        headers.referrer(answers), headers.cors(answers), headers.integrity(answers), headers.isolation(answers),
        headers.disclosure(answers), headers.cookies(nobody, answers), exposure.files(found), bundles.no_secrets(sent),
        caching.static(files), redirects.https(hops), redirects.canonical(hops), production.production(seen),
        bursts.limited(await bursts.survey(acme)),
    ), (tls.certificate(encryption), tls.protocols(encryption))  # fmt: skip


DEAD = {
    "a reset": _reset,
    "silence": _silence,
    "10 MB of headers": _long_headers,
    "headers without end": _dripping_headers,
    "no HTTP": _no_http,
}
ALIVE = {"a body without end": _endless_body, "a bomb": _bomb, "a redirect loop": _loop, "no UTF-8": _not_utf_8}


@pytest.fixture(autouse=True)
def no_browser(monkeypatch):
    """What a browser meets is bounded by the same door, and takes long to start."""
    monkeypatch.setattr("launchready_lib.network.browser.find_chromium", lambda: None)
    monkeypatch.setattr("launchready_lib.site.web.PAUSE_S", 0.05)


@pytest.mark.parametrize("name", DEAD)
async def test_a_server_that_says_nothing_sensible_passes_no_check(name, tmp_path):
    async with _site(DEAD[name], tmp_path) as acme, asyncio.timeout(BOUND_S):
        web, encrypted = await _judged(acme)
    assert [f"{v.check}: {v.summary}" for v in (*web, *encrypted) if v.defect] == []
    by_address = {"edge.ddos"}  # who stands before a host is told by its address, whatever it answers
    assert {v.check: v.summary for v in web if v.status is Status.PASS}.keys() <= by_address
    assert encrypted[0].status is Status.PASS, "a certificate says nothing of what is said after it"


@pytest.mark.parametrize("name", [*ALIVE, "10 MB of headers"])
async def test_what_has_no_end_or_no_sense_is_read_within_bounds(name, tmp_path):
    async with _site((ALIVE | DEAD)[name], tmp_path) as acme, asyncio.timeout(BOUND_S):
        tracemalloc.start()
        try:
            web, encrypted = await _judged(acme)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert [f"{v.check}: {v.summary}" for v in (*web, *encrypted) if v.defect] == []
    assert peak < MEGABYTES * 1_000_000
    status = {v.check: v.status for v in web}
    assert Status.FAIL not in (status["exposure.files"], status["exposure.bundles"], status["headers.cors"])
    for verdict in web:
        assert f"{verdict.summary}{verdict.fix}{verdict.evidence}".encode(), "every word can be written down"


async def test_a_host_that_lets_strangers_wait_is_left_alone(tmp_path):
    asked = []

    async def tarpit(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        if len(asked) > 8:
            await asyncio.Event().wait()
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()

    async with _site(tarpit, tmp_path, timeout_s=2.0) as acme, asyncio.timeout(BOUND_S):
        judged = exposure.files(await exposure.survey(acme))
    assert judged.status is Status.UNKNOWN
    assert "stopped answering" in judged.reason
    assert len(asked) < 80


# --- certificates that are none ---------------------------------------------------------------------------------------


def _tampered(old, new):
    plain = issue("AAAAAAAA", ROOT, names=(DOMAIN,))
    assert old in plain.der
    return Issued(plain.name, plain.key, plain.certificate, plain.der.replace(old, new))


def _month_19():
    """The first day of its validity, as a certificate writes it, in a month that there is not."""
    begins = f"{dt.datetime.now(dt.UTC) - DAY:%y%m%d}".encode()
    return _tampered(begins, begins[:2] + b"19" + begins[4:])


CERTIFICATES = {
    "a name with a NUL in it": (lambda: _tampered(b"AAAAAAAA", b"A\x00AA<b>A"), {"not trusted"}),
    "a month that does not exist": (_month_19, {"malformed", "no TLS"}),
    "thousands of names": (
        lambda: issue(DOMAIN, ROOT, names=(DOMAIN, *(f"n{n}.{DOMAIN}" for n in range(3_000)))),
        set(),
    ),
}


@pytest.mark.parametrize("name", CERTIFICATES)
async def test_a_certificate_that_is_none_is_named_and_breaks_nothing(name, tmp_path):
    make, kinds = CERTIFICATES[name]
    (tmp_path / "ca.pem").write_bytes(ROOT.pem)

    async def handle(reader, writer):
        await reader.read(1_000)
        writer.close()

    async with resolver() as dns, listening(handle, context=context(tmp_path, make())) as port:
        network = {"nameservers": [dns], "ca_file": str(tmp_path / "ca.pem"), "timeout_s": 2}
        async with client(port, root=tmp_path, reach=("",), site={}, network=network) as acme:
            evidence = await tls.survey(acme)
            shown = evidence.frame().to_json()
    host = next(host for host in evidence.hosts if host.host == DOMAIN)
    found = {problem.kind for problem in tls.problems(host, evidence.now)}
    assert found & kinds if kinds else not found
    verdicts = [judge(evidence) for judge in (tls.certificate, tls.protocols, tls.issuance)]
    assert not any(verdict.defect for verdict in verdicts)
    assert len(shown) < 20_000


def _sized(width, content):
    return len(content).to_bytes(width, "big") + content


def _flight(*certificates):
    """A server's first messages in TLS 1.2 with these certificates, whatever they are."""
    hello = b"\x03\x03" + bytes(32) + b"\x00" + b"\xc0\x2f" + b"\x00"
    chain = _sized(3, b"".join(_sized(3, each) for each in certificates))
    messages = b"\x02" + _sized(3, hello) + b"\x0b" + _sized(3, chain)
    return b"".join(b"\x16\x03\x03" + _sized(2, messages[n : n + 16_000]) for n in range(0, len(messages), 16_000))


PLAIN = issue("AAAAAAAA", ROOT, names=(DOMAIN,)).der
NONE = {
    "nothing": b"",
    "noise": bytes(range(256)) * 4,
    "one cut short": PLAIN[:-40],
    "a length without an end": b"\x30\x84\x7f\xff\xff\xff",
    "lengths within lengths": b"\x30\x80" * 2_000,
    "a name that is no UTF-8": PLAIN.replace(b"AAAAAAAA", b"\xff\xfe\xc3(AAAA"),
}


@pytest.mark.parametrize("name", NONE)
async def test_what_is_sent_as_a_certificate_and_is_none_is_named(name, tmp_path):
    async def handle(reader, writer):
        await reader.read(2_000)
        writer.write(_flight(NONE[name], PLAIN))
        await writer.drain()

    async with resolver() as dns, listening(handle) as port:
        network = {"nameservers": [dns], "timeout_s": 1}
        async with client(port, root=tmp_path, reach=("",), site={}, network=network) as acme:
            evidence = await tls.survey(acme)
    host = next(host for host in evidence.hosts if host.host == DOMAIN)
    assert [problem.kind for problem in tls.problems(host, evidence.now)] == ["malformed"]
    judged = tls.certificate(evidence)
    assert (judged.status, judged.defect) == (Status.FAIL, False)
    assert "cannot be read" in judged.summary
