"""The browser's only way out: hosts in scope, what their pages ask for, and nothing of the browser's own."""

import asyncio
import base64
import hashlib
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Error

from launchready_lib.evidence import Unavailable
from launchready_lib.network import DISTRUSTED, USER_AGENT, browser, proxy
from tests import certificates
from tests.certificates import issue
from tests.web_servers import Reply, listening, network, serving

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


# --- the proxy alone --------------------------------------------------------------------------------------------------


async def through(net, head, *, allow=(), body=b""):
    """What the proxy answers to these bytes, up to its end."""
    async with proxy.BrowserProxy(net.dialer, timeout=net.timeout_s) as gate:
        for host in allow:
            gate.allow(host)
        reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
        writer.write(head + body)
        try:
            async with asyncio.timeout(5):
                return await reader.read()
        finally:
            writer.close()


def site(*hosts, text="hello"):
    """A site, and a network that reaches it under these names."""

    @asynccontextmanager
    async def opened(**options):
        async with serving(lambda _: Reply(text)) as served:
            by = {f"{host}:80": f"127.0.0.1:{served.port}" for host in hosts}
            async with network(by, timeout_s=1.0, **options) as net:
                yield net, served

    return opened


async def test_a_host_in_scope_is_reached_by_plain_http_and_by_tunnel():
    async with site("acme.example")() as (net, served):
        plain = await through(net, b"GET http://acme.example/x?y=1 HTTP/1.1\r\nHost: acme.example\r\n\r\n")
        inner = b"GET /z HTTP/1.1\r\nHost: acme.example\r\n\r\n"
        tunnel = await through(net, b"CONNECT acme.example:80 HTTP/1.1\r\n\r\n", body=inner)
        assert plain.endswith(b"hello")
        assert tunnel.startswith(b"HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 200 OK")
        assert [asked.target for asked in served.asked] == ["/x?y=1", "/z"]


async def test_headers_of_the_proxy_hop_go_no_further():
    head = (
        b"GET http://acme.example/ HTTP/1.1\r\nHost: acme.example\r\nProxy-Connection: keep-alive\r\n"
        b"Proxy-Authorization: secret\r\nKeep-Alive: 5\r\nX-Mine: 1\r\n\r\n"
    )
    async with site("acme.example")() as (net, served):
        await through(net, head)
        (asked,) = served.asked
    assert asked.headers == {"host": "acme.example", "x-mine": "1", "connection": "close"}


@pytest.mark.parametrize(
    ("allow", "status"), [((), b"403"), (("cdn.example",), b"200")], ids=["unasked", "asked for by a page"]
)
async def test_another_host_is_let_through_only_where_a_page_asked_for_it(monkeypatch, allow, status):
    monkeypatch.setattr(proxy, "ANNOUNCED_WITHIN_S", 0.05)
    async with site("acme.example", "cdn.example")() as (net, served):
        answer = await through(net, b"GET http://cdn.example/ HTTP/1.1\r\nHost: cdn.example\r\n\r\n", allow=allow)
        assert answer.split(b" ", 2)[1] == status
        assert len(served.asked) == len(allow)
        assert [refusal.host for refusal in net.traffic.refused] == ([] if allow else ["cdn.example"])


async def test_a_page_that_asks_a_moment_later_is_waited_for():
    async with (
        site("acme.example", "cdn.example")() as (net, _),
        proxy.BrowserProxy(net.dialer, timeout=1.0) as gate,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
        writer.write(b"GET http://cdn.example/ HTTP/1.1\r\nHost: cdn.example\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)
        gate.allow("CDN.example.")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


@pytest.mark.parametrize("target", ["127.0.0.1:80", "169.254.169.254:80", "[::1]:80"])
async def test_a_private_address_is_refused_also_where_a_page_asks_for_it(target):
    async with network(timeout_s=1.0) as net:
        host = target.rpartition(":")[0].strip("[]")
        answer = await through(net, f"CONNECT {target} HTTP/1.1\r\n\r\n".encode(), allow=[host])
        assert answer.startswith(b"HTTP/1.1 403")
        assert len(net.traffic.refused) == 1


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"CONNECT gone.acme.example:443 HTTP/1.1\r\n\r\n", b"502"),
        (b"CONNECT acme.example:81 HTTP/1.1\r\n\r\n", b"502"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"CONNECT acme.example:99999 HTTP/1.1\r\n\r\n", b"502"),
        (b"CONNECT [::1 HTTP/1.1\r\n\r\n", b"502"),
        (b"\r\n\r\n", b"400"),
        (b"GET http://acme.example/" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n", b"502"),
        (b"\xff\xfe\x00 \x80 x\r\n\r\n", b"400"),
    ],
    ids=["no address", "nobody listens", "no host", "no port", "no bracket", "nothing", "endless", "noise"],
)
async def test_what_cannot_be_done_is_answered_and_no_exception(head, status):
    async with network({"acme.example:81": "127.0.0.1:1"}, timeout_s=1.0) as net:
        assert (await through(net, head)).split(b" ", 2)[1] == status


async def test_a_site_that_keeps_its_end_open_does_not_keep_the_proxy_from_closing():
    async def silent(reader, _writer):
        await reader.read()

    async with listening(silent) as port, network({"acme.example:443": f"127.0.0.1:{port}"}) as net:
        async with proxy.BrowserProxy(net.dialer, timeout=1.0) as gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
            writer.write(b"CONNECT acme.example:443 HTTP/1.1\r\n\r\n")
            assert b"200" in await reader.readline()
        writer.close()


# --- a real browser ---------------------------------------------------------------------------------------------------

CALLS = """<title>Acme</title><script>
const said = [];
const add = word => { said.push(word); document.title = said.join(' '); };
fetch('https://cdn.example/ok', {mode: 'no-cors'}).then(() => add('cdn'), () => add('no-cdn'));
fetch('https://10.0.0.1/ok', {mode: 'no-cors'}).then(() => add('private'), () => add('no-private'));
const socket = new WebSocket('wss://ws.acme.example/live');
socket.onopen = () => add('socket'); socket.onerror = () => add('no-socket');
</script>"""
PAGES = {
    "/": Reply("<title>Acme</title>Hello"),
    "/calls": Reply(CALLS),
    "/away": Reply("<a id=out href='https://elsewhere.example/'>out</a>"),
    "/hop": Reply(
        "<script>fetch('/'); fetch('/picture', {mode: 'no-cors'}).finally(() => document.title = 'done')</script>"
    ),
    "/picture": Reply(status=302, headers=(("Location", "https://cdn.example/elsewhere"),)),
    "/frame": Reply("<iframe src='https://frame.example/inner'></iframe>"),
}


async def _answer(reader, writer):
    """A site over TLS, with a WebSocket at /live."""
    while head := await reader.readuntil(b"\r\n\r\n"):
        path = head.split(b" ", 2)[1].decode()
        if path == "/live":
            key = next(
                line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")
            )
            accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            writer.write(
                b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
            )
            writer.write(accept + b"\r\n\r\n")
            await reader.read()
            return
        seen.append((path, head.decode("latin-1")))
        writer.write(PAGES.get(path, Reply("ok")).encode().replace(b"Connection: close\r\n", b""))
        await writer.drain()


seen: list[tuple[str, str]] = []
HOSTS = ("acme.example", "ws.acme.example", "cdn.example", "frame.example", "elsewhere.example")


@pytest.fixture(scope="module")
async def opened(tmp_path_factory):
    """A browser, and a network that knows these hosts at their published names only, under a CA of its own."""
    if browser.find_chromium() is None:
        pytest.skip("there is no Chromium")
    folder = tmp_path_factory.mktemp("ca")
    authority = issue("Test CA", ca=True)
    (folder / "ca.pem").write_bytes(authority.pem)
    leaf = issue("acme.example", authority, names=HOSTS)
    async with listening(_answer, context=certificates.context(folder, leaf)) as port:
        by = {f"{host}:443": f"127.0.0.1:{port}" for host in HOSTS}
        async with network(by, ca_file=folder / "ca.pem") as net, net.browser() as chromium:
            assert not isinstance(chromium, Unavailable), chromium
            yield net, chromium


@asynccontextmanager
async def page_of(opened, **options):
    net, chromium = opened
    net.traffic.refused.clear()
    seen.clear()
    async with chromium.context(**options) as context:
        yield await context.new_page()


def refused(opened):
    """Whom pages were kept from; what the browser opens or warms up by itself may come late."""
    return {refusal.host for refusal in opened[0].traffic.refused if refusal.reason != proxy.NO_PAGE}


@pytest.mark.browser
async def test_a_page_in_scope_opens_at_its_published_name_under_the_given_ca(opened):
    async with page_of(opened) as page:
        reply = await page.goto("https://acme.example/")
        assert (reply.status, await page.title()) == (200, "Acme")
        assert USER_AGENT in await page.evaluate("navigator.userAgent")
    assert opened[0].traffic.requests["acme.example"] >= 1
    assert refused(opened) == set()


@pytest.mark.browser
async def test_what_a_page_asks_for_comes_and_private_addresses_do_not(opened):
    async with page_of(opened) as page:
        await page.goto("https://acme.example/calls")
        await page.wait_for_function("document.title.split(' ').length === 3")
        assert set((await page.title()).split()) == {"cdn", "no-private", "socket"}
    assert refused(opened) == {"10.0.0.1"}


@pytest.mark.browser
async def test_a_navigation_out_of_scope_is_refused_and_recorded(opened):
    async with page_of(opened) as page:
        with pytest.raises(Error, match="ERR_BLOCKED_BY_CLIENT"):
            await page.goto("https://elsewhere.example/")
    assert refused(opened) == {"elsewhere.example"}
    assert seen == []


@pytest.mark.browser
async def test_a_link_out_of_scope_leads_nowhere(opened):
    async with page_of(opened) as page:
        await page.goto("https://acme.example/away")
        await page.click("#out")
        await page.wait_for_url("chrome-error://**")
    assert refused(opened) == {"elsewhere.example"}
    assert not any("elsewhere" in head for _, head in seen)


@pytest.mark.browser
async def test_a_frame_of_another_site_is_a_sub_resource(opened):
    async with page_of(opened) as page:
        await page.goto("https://acme.example/frame")
        await page.frame_locator("iframe").locator("text=ok").wait_for()
    assert refused(opened) == set()


@pytest.mark.browser
async def test_the_audits_headers_go_to_hosts_in_scope_and_with_no_redirect_to_another(opened, monkeypatch):
    monkeypatch.setattr(opened[0].guard, "headers", {"X-Audit": "t0k3n"})
    async with page_of(opened) as page:
        await page.context.add_cookies([{"name": "a", "value": "1", "url": "https://acme.example/"}])
        reply = await page.goto("https://acme.example/hop")
        await page.wait_for_function("document.title === 'done'")
        assert reply.status == 200
    sent = {path: head.lower() for path, head in seen}
    assert {path for path, head in sent.items() if "x-audit: t0k3n" in head} >= {"/hop", "/", "/picture"}
    assert "x-audit" not in sent["/elsewhere"]
    assert "cookie: a=1" in sent["/hop"]


@pytest.mark.browser
async def test_the_makers_hosts_are_never_reached(opened):
    net, _ = opened
    async with page_of(opened) as page:
        await page.goto("https://acme.example/")
    makers = [host for host in net.traffic.requests if host.endswith(("google.com", "googleapis.com", "gvt1.com"))]
    assert makers == []


@pytest.mark.browser
async def test_a_phone_is_a_phone_and_still_says_who_asks(opened):
    async with page_of(opened, mobile=True) as page:
        await page.goto("https://acme.example/")
        agent, width = await page.evaluate("[navigator.userAgent, screen.width]")
    assert "Mobile" in agent
    assert agent.endswith(USER_AGENT)
    assert width == 412


@pytest.mark.browser
@pytest.mark.parametrize(
    ("issuer", "names", "why"),
    [
        ("Other CA", ["acme.example"], "unable to get local issuer certificate"),
        ("Test CA", ["other.example"], "mismatch"),
    ],
    ids=["another CA", "another name"],
)
async def test_with_a_ca_of_its_own_a_wrong_certificate_is_refused_and_recorded(tmp_path, issuer, names, why):
    authorities = {name: issue(name, ca=True) for name in ("Test CA", "Other CA")}
    (tmp_path / "ca.pem").write_bytes(authorities["Test CA"].pem)
    leaf = issue(names[0], authorities[issuer], names=names)
    async with listening(_answer, context=certificates.context(tmp_path, leaf)) as port:
        by = {"acme.example:443": f"127.0.0.1:{port}"}
        async with (
            network(by, ca_file=tmp_path / "ca.pem") as net,
            net.browser() as chromium,
            chromium.context() as profile,
        ):
            page = await profile.new_page()
            with pytest.raises(Error, match="ERR_CONNECTION_CLOSED"):
                await page.goto("https://acme.example/")
            (refusal,) = [each for each in net.traffic.refused if each.host == "acme.example"]
            assert refusal.reason.startswith(DISTRUSTED)
            assert why in refusal.reason


@pytest.mark.browser
async def test_without_a_ca_of_its_own_the_browser_judges_certificates_itself(tmp_path):
    leaf = issue("acme.example", issue("Other CA", ca=True), names=["acme.example"])
    async with listening(_answer, context=certificates.context(tmp_path, leaf)) as port:
        by = {"acme.example:443": f"127.0.0.1:{port}"}
        async with network(by) as net, net.browser() as chromium, chromium.context() as profile:
            page = await profile.new_page()
            with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
                await page.goto("https://acme.example/")


async def test_without_a_browser_the_answer_says_how_to_get_one(monkeypatch):
    monkeypatch.setattr(browser, "find_chromium", lambda: None)
    async with network() as net, net.browser() as found:
        assert isinstance(found, Unavailable)
        assert "apt-get install chromium" in found.needs


async def test_a_browser_that_does_not_start_is_unavailable_and_no_exception(monkeypatch, tmp_path):
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\nexit 7\n")
    program.chmod(0o700)
    monkeypatch.setenv("LAUNCHREADY_CHROMIUM", str(program))
    async with network() as net, net.browser() as found:
        assert isinstance(found, Unavailable)
        assert "did not start" in found.reason
