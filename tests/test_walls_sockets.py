"""The browser opens no socket to anywhere but our own door, whatever a page makes it try."""

import asyncio
import re
import shutil
import subprocess

import pytest

from launchready_lib.evidence import Unavailable
from launchready_lib.network import browser
from tests.web_servers import Reply, network, serving

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.browser,
    pytest.mark.skipif(browser.find_chromium() is None, reason="there is no Chromium"),
]

HOSTILE = """<title>x</title><link rel=dns-prefetch href=//early.elsewhere.example>
<link rel=preconnect href=https://198.51.100.6><script>
const call = new RTCPeerConnection({iceServers: [{urls: 'stun:127.0.0.1:%d'}, {urls: 'stun:198.51.100.7:3478'}]});
call.createDataChannel('x'); call.setLocalDescription();
call.onicegatheringstatechange = () => { if (call.iceGatheringState === 'complete') document.title = 'gathered' };
try { new WebTransport('https://198.51.100.8/') } catch (e) {}
new WebSocket('ws://198.51.100.9/'); fetch('http://198.51.100.10/').catch(() => 0);
navigator.sendBeacon('http://198.51.100.11/'); new Image().src = 'https://198.51.100.12/';
</script><textarea spellcheck=true>mispeled wrods</textarea>"""
WEBRTC = "--webrtc-ip-handling-policy=disable_non_proxied_udp"
AS_IT_WAS = "--force-webrtc-ip-handling-policy=disable_non_proxied_udp"
"""Chromium reads it no more."""


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Heard(asyncio.DatagramProtocol):
    """A server that calls ask for their own address (STUN, RFC 8489), which only listens."""

    def __init__(self):
        self.said = []

    def datagram_received(self, data, _addr):
        self.said.append(data)


async def visited():
    """Show the page to a browser; gives its doors' ports, and what the listener heard."""
    loop = asyncio.get_running_loop()
    transport, heard = await loop.create_datagram_endpoint(Heard, local_addr=("127.0.0.1", 0))
    page = Reply(HOSTILE % transport.get_extra_info("sockname")[1])
    try:
        async with (
            serving(lambda _: page) as site,
            network({"acme.example:80": f"127.0.0.1:{site.port}"}) as net,
            net.browser() as chromium,
        ):
            if isinstance(chromium, Unavailable):
                pytest.skip(chromium.reason)
            async with chromium.context() as context:
                page_ = await context.new_page()
                await page_.goto("http://acme.example/")
                await page_.wait_for_function("document.title === 'gathered'", timeout=60_000)
            return chromium.ports, heard.said
    finally:
        transport.close()


@pytest.mark.parametrize("flag", [WEBRTC, AS_IT_WAS], ids=["now", "as it was"])
async def test_a_call_asks_nobody_for_its_address(monkeypatch, flag):
    monkeypatch.setattr(browser, "_ARGUMENTS", [flag if each == WEBRTC else each for each in browser._ARGUMENTS])
    _, said = await visited()
    assert bool(said) == (flag == AS_IT_WAS)


STRACE = ["strace", "-f", "-yy", "-qq", "--seccomp-bpf", "-e", "trace=connect,sendto,sendmsg,sendmmsg"]


@pytest.fixture
def traced():
    """Only where programs can be looked at."""
    if shutil.which("strace") is None:
        pytest.skip("there is no strace (Debian: apt-get install strace)")
    if subprocess.run([*STRACE, "-o", "/dev/null", "true"], check=False, capture_output=True).returncode:
        pytest.skip("strace may not look at programs here")


_TO = re.compile(r"htons\((\d+)\).*?(?:inet_addr\(\"|inet_pton\(AF_INET6, \")([^\"]+)")
_PEER = re.compile(r"->\[?([0-9a-f.:]+?)\]?:(\d+)\]>")


def left(line, ports):
    """What of a system call leaves for elsewhere; empty where it is our door, or a route that is only looked up."""
    if "<UNIX" in line or "<NETLINK" in line:
        return ""
    to, peer = _TO.search(line), _PEER.search(line)
    where = (to[2], int(to[1])) if to else (peer[1], int(peer[2])) if peer else None
    call = re.search(r"(connect|send\w+)\(\d+<(\w+)", line)
    if where is None or call is None or (where[0] == "127.0.0.1" and where[1] in ports):
        return ""
    looked_up = call[1] == "connect" and call[2].startswith("UDP")  # connecting a UDP socket sends nothing
    return "" if looked_up else line.strip()[:200]


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("flag", [WEBRTC, AS_IT_WAS], ids=["now", "as it was"])
async def test_no_socket_goes_anywhere_but_to_our_door(monkeypatch, tmp_path, flag):
    wrapper, log = tmp_path / "chromium", tmp_path / "calls"
    wrapper.write_text(f'#!/bin/sh\nexec {" ".join(STRACE)} -o {log} {browser.find_chromium()} "$@"\n')
    wrapper.chmod(0o700)
    monkeypatch.setenv("LAUNCHREADY_CHROMIUM", str(wrapper))
    monkeypatch.setattr(browser, "_ARGUMENTS", [flag if each == WEBRTC else each for each in browser._ARGUMENTS])
    ports, _ = await visited()
    calls = log.read_text("utf-8", "replace").splitlines()
    assert any(f"htons({port})" in line for line in calls for port in ports), "the door was used, so calls were seen"
    found = [each for line in calls if (each := left(line, ports))]
    assert bool(found) == (flag == AS_IT_WAS), found
