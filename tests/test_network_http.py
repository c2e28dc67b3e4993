"""Every answer that a hostile or broken server gives ends in the right state, in bounded time and memory."""

import asyncio
import gc
import gzip
import socket
import struct
import tracemalloc
import zlib

import pytest

from launchready_lib.network.wire import Body
from tests.web_servers import Asked, Reply, asking, listening, network, pages, serving

pytestmark = pytest.mark.anyio

SITE = "http://acme.example"


async def _ask(handle, path="/", *, request=None, **options):
    async with listening(handle) as port, network({"acme.example:80": f"127.0.0.1:{port}"}, **options) as net:
        return await net.request("GET", f"{SITE}{path}", **(request or {}))


def _says(*parts):
    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()

    return handle


async def test_an_ordinary_answer_keeps_repeated_headers_apart():
    answer = await _ask(_says(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nhi"))
    assert (answer.state, answer.status, answer.body, answer.truncated) == ("ok", 200, b"hi", False)
    assert answer.all("Set-Cookie") == ("a=1", "b=2")


async def test_a_redirect_out_of_scope_is_recorded_and_not_followed():
    reply = Reply(status=302, headers=(("Location", "http://evil.example/x"),))
    async with serving(lambda _: reply) as site, network({"acme.example:80": f"127.0.0.1:{site.port}"}) as net:
        answer = await net.request("GET", f"{SITE}/", follow=5)
        assert answer.status == 302
        assert "evil.example" in answer.error
        assert [refusal.host for refusal in net.traffic.refused] == ["evil.example"]
        assert net.traffic.requests["evil.example"] == 0


async def test_redirects_in_scope_are_followed_and_kept_in_order():
    routes = {
        "/": Reply(status=302, headers=(("Location", "/a"),)),
        "/a": Reply(status=301, headers=(("Location", "/b"),)),
        "/b": Reply("there"),
    }
    async with serving(pages(routes)) as site, network({"acme.example:80": f"127.0.0.1:{site.port}"}) as net:
        answer = await net.request("GET", f"{SITE}/", follow=5)
    assert answer.text == "there"
    assert [step.url for step in answer.history] == [f"{SITE}/", f"{SITE}/a"]


async def test_a_redirect_loop_ends_after_the_hops_allowed():
    reply = Reply(status=302, headers=(("Location", "/again"),))
    async with serving(lambda _: reply) as site, network({"acme.example:80": f"127.0.0.1:{site.port}"}) as net:
        answer = await net.request("GET", f"{SITE}/", follow=4)
    assert (answer.status, len(answer.history)) == (302, 4)


@pytest.mark.parametrize("status", [301, 302, 303], ids=str)
async def test_a_post_redirected_becomes_a_get_without_its_body(status):
    def answer(asked: Asked) -> Reply:
        return Reply("done") if asked.path == "/b" else Reply(status=status, headers=(("Location", "/b"),))

    async with serving(answer) as site, network({"acme.example:80": f"127.0.0.1:{site.port}"}) as net:
        await net.request("POST", f"{SITE}/a", form={"password": "x"}, follow=2)
        assert [(asked.method, asked.body) for asked in site.asked] == [("POST", b"password=x"), ("GET", b"")]


async def test_a_large_body_is_cut_at_the_limit():
    async with asking(lambda _: Reply(b"x" * 300_000), max_body_mb=0.1) as net:
        cut = await net.request("GET", f"{SITE}/")
        short = await net.request("GET", f"{SITE}/", max_body=10)
    assert (len(cut.body), cut.truncated) == (100_000, True)
    assert (short.body, short.truncated) == (b"x" * 10, True)


async def test_an_endless_body_is_cut():
    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
            await writer.drain()

    answer = await _ask(handle, max_body_mb=0.5)
    assert (answer.state, answer.status, len(answer.body), answer.truncated) == ("ok", 200, 500_000, True)


async def test_a_body_that_drips_ends_at_the_deadline_and_keeps_what_came():
    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst")
        await writer.drain()
        await asyncio.Event().wait()

    answer = await _ask(handle, timeout_s=2.0)
    assert (answer.state, answer.body, answer.truncated) == ("ok", b"first", True)
    assert "still coming" in answer.error


async def test_a_cancelled_request_stays_cancelled_though_part_of_the_body_came():
    came = asyncio.Event()

    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst")
        await writer.drain()
        came.set()
        await asyncio.Event().wait()

    async with listening(handle) as port, network({"acme.example:80": f"127.0.0.1:{port}"}) as net:
        task = asyncio.create_task(net.request("GET", f"{SITE}/"))
        await came.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_broken_off_body_is_said_to_be():
    answer = await _ask(_says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"))
    assert (answer.state, answer.body, answer.truncated) == ("ok", b"half", True)
    assert "broke off" in answer.error


async def test_ten_megabytes_of_headers_are_refused_as_no_http():
    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for place in range(10_000):
            writer.write(b"X-%d: " % place + b"y" * 1_000 + b"\r\n")
            await writer.drain()
        writer.write(b"\r\n")

    answer = await _ask(handle)
    assert answer.state in ("protocol", "reset")
    assert answer.body == b""


async def test_silence_is_a_timeout():
    async def handle(_reader, _writer):
        await asyncio.Event().wait()

    answer = await _ask(handle, timeout_s=0.2)
    assert answer.state == "timeout"


async def test_a_handshake_that_never_ends_is_a_timeout_and_leaves_no_socket_behind():
    async def handle(reader, _writer):
        await reader.read(1_000)
        await asyncio.Event().wait()

    async with listening(handle) as port, network({"acme.example:443": f"127.0.0.1:{port}"}, timeout_s=0.3) as net:
        answer = await net.request("GET", "https://acme.example/")
        gc.collect()
    assert answer.state == "timeout"


async def test_plain_http_on_the_https_port_is_no_tls():
    async def handle(reader, writer):
        await reader.read(1_000)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with listening(handle) as port, network({"acme.example:443": f"127.0.0.1:{port}"}) as net:
        answer = await net.request("GET", "https://acme.example/")
    assert answer.state == "tls"


async def test_a_reset_connection_is_a_reset():
    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    answer = await _ask(handle)
    assert answer.state == "reset"


async def test_a_closed_port_is_refused():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        async with network({"acme.example:80": f"127.0.0.1:{port}"}) as net:
            answer = await net.request("GET", f"{SITE}/")
    assert answer.state == "refused"


@pytest.mark.parametrize(
    "said",
    [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"\xff\xfe\x00\r\n\r\n", b"HTTP/1.1 200 OK\r\nA B: c\r\n\r\n"],
    ids=["ssh", "bytes", "bad header"],
)
async def test_what_is_no_http_is_a_protocol_failure(said):
    answer = await _ask(_says(said))
    assert answer.state == "protocol"
    assert answer.status is None


@pytest.mark.parametrize(
    "address",
    ["http://acme.example:99999/", "ftp://acme.example/", "http://", "http://[::1", "http://ac me.example/", "\udcff"],
    ids=["port", "scheme", "no host", "bracket", "space", "surrogate"],
)
async def test_an_address_that_is_none_is_not_asked(address):
    async with network() as net:
        answer = await net.request("GET", address)
    assert answer.state in ("protocol", "blocked")


async def test_a_redirect_to_nonsense_is_not_followed():
    async with asking(lambda _: Reply(status=302, headers=(("Location", "http://[::1"),))) as net:
        answer = await net.request("GET", f"{SITE}/", follow=3)
    assert (answer.status, answer.history) == (302, ())


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data)[2:-4]),
        ("gzip", lambda data: gzip.compress(data[:3]) + gzip.compress(data[3:])),
    ],
    ids=["gzip", "deflate", "deflate without wrapper", "gzip in two members"],
)
async def test_a_compressed_body_is_unfolded(encoding, pack):
    async with asking(lambda _: Reply(pack(b"hello there"), headers=(("Content-Encoding", encoding),))) as net:
        answer = await net.request("GET", f"{SITE}/")
    assert (answer.body, answer.truncated, answer.error) == (b"hello there", False, None)


async def test_a_compression_bomb_never_unfolds_beyond_the_limit():
    bomb = gzip.compress(b"\0" * 200_000_000, 9)
    async with asking(lambda _: Reply(bomb, headers=(("Content-Encoding", "gzip"),)), max_body_mb=1) as net:
        tracemalloc.start()
        answer = await net.request("GET", f"{SITE}/")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (len(answer.body), answer.truncated) == (1_000_000, True)
    assert peak < 8_000_000


async def test_a_body_that_cannot_be_decoded_keeps_what_could():
    torn = gzip.compress(b"x" * 100)[:-20] + b"garbagegarbagegarbage"
    async with asking(lambda _: Reply(torn, headers=(("Content-Encoding", "gzip"),))) as net:
        answer = await net.request("GET", f"{SITE}/")
    assert answer.state == "ok"
    assert answer.truncated
    assert "broke off" in answer.error


def test_an_encoding_that_was_not_asked_for_leaves_the_bytes_as_sent():
    body = Body(100, "br")
    body.feed(b"\x0b\x02\x80hello\x03")
    assert body.content == b"\x0b\x02\x80hello\x03"
    assert "as sent" in body.error


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1"], ids=str)
async def test_a_private_address_is_refused_when_nothing_names_it(address):
    async with network() as net:
        answer = await net.request("GET", f"{SITE}/", address=address)
        assert answer.state == "blocked"
        assert "private" in answer.error
        assert len(net.traffic.refused) == 1


async def test_a_host_that_the_authorization_does_not_name_is_never_asked():
    async with network() as net:
        answer = await net.request("GET", "http://other.example/")
        assert answer.state == "blocked"
        assert net.traffic.requests["other.example"] == 0


async def test_connect_to_takes_the_name_before_the_address_before_the_star():
    async def answers(word, connect_to, address=None):
        async with network(connect_to) as net:
            answer = await net.request("GET", f"{SITE}/", address=address)
            assert answer.text == word

    async with (
        serving(lambda _: Reply("name")) as name,
        serving(lambda _: Reply("address")) as address,
        serving(lambda _: Reply("star")) as star,
    ):
        to = {
            "acme.example:80": f"127.0.0.1:{name.port}",
            "203.0.113.7:80": f"127.0.0.1:{address.port}",
            "*:80": f"127.0.0.1:{star.port}",
        }
        await answers("name", to)
        await answers("address", to, "203.0.113.7")
        await answers("star", to, "203.0.113.8")


async def test_a_name_without_an_address_is_a_dns_failure():
    async with network(timeout_s=0.4) as net:
        answer = await net.request("GET", f"{SITE}/")
    assert answer.state == "dns"


async def test_ordinary_reads_of_one_host_keep_under_the_ceiling():
    async with asking(lambda _: Reply("x"), requests_per_second=20.0) as net:
        loop = asyncio.get_running_loop()
        started = loop.time()
        for _ in range(30):
            await net.request("GET", f"{SITE}/")
        spent = loop.time() - started
    assert spent >= 9 / 20  # a burst of one second's worth, 20 and the one due now, is free


async def test_a_session_keeps_cookies_and_the_network_itself_does_not():
    def answer(asked: Asked) -> Reply:
        return Reply(asked.headers.get("cookie", "none"), headers=(("Set-Cookie", "sid=1; Path=/"),))

    async with serving(answer) as site, network({"acme.example:80": f"127.0.0.1:{site.port}"}) as net:
        async with net.session() as member:
            await member.request("GET", f"{SITE}/")
            assert (await member.request("GET", f"{SITE}/")).text == "sid=1"
        await net.request("GET", f"{SITE}/")
        assert (await net.request("GET", f"{SITE}/")).text == "none"


async def test_headers_of_the_caller_replace_ours_whatever_their_case():
    async with asking(lambda asked: Reply(asked.headers["accept-encoding"])) as net:
        assert (await net.request("GET", f"{SITE}/")).text == "gzip, deflate"
        answer = await net.request("GET", f"{SITE}/", headers={"Accept-Encoding": "br"})
    assert answer.text == "br"


async def test_what_never_left_is_not_counted_as_sent():
    async with listening(_says()) as closed:
        pass
    async with network({"acme.example:80": f"127.0.0.1:{closed}"}) as net:
        assert (await net.request("GET", f"{SITE}/")).state == "refused"
        assert (await net.request("GET", f"{SITE}/", address="10.0.0.7")).state in ("blocked", "refused")
        assert (await net.request("GET", "http://nowhere.acme.example/")).state == "dns"
        assert not [host for host in net.traffic.requests if not host.startswith("dns ")]


async def test_a_request_that_left_counts_once_whatever_came_back():
    async with listening(_says(b"nonsense")) as port, network({"acme.example:80": f"127.0.0.1:{port}"}) as net:
        assert not (await net.request("GET", "http://ACME.example./")).ok
        assert net.traffic.requests["acme.example"] == 1
