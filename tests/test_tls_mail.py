"""Mail hosts of the client's own are looked at over real SMTP with STARTTLS; those of others are named, no more."""

import asyncio
import datetime as dt
import logging
import ssl
import warnings
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiosmtpd.smtp import SMTP

from launchready_lib.checks.secure_edge import tls
from launchready_lib.record.findings import Status
from tests.certificates import DAY, context, issue
from tests.web_servers import DOMAIN, client, listening, resolver

pytestmark = pytest.mark.anyio

MAIL = f"mail.{DOMAIN}"
ZONE = f"{DOMAIN}. MX 10 {MAIL}.\n{MAIL}. A 203.0.113.25\n"
NOW = dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def root():
    return issue("Test Root", ca=True, lifetime=3650 * DAY)


@asynccontextmanager
async def relay(server_context, **options):
    """A real mail server; gives its port."""
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)

    def serve():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what this library thinks of servers without logins
            return SMTP(object(), hostname=MAIL, tls_context=server_context, loop=loop, **options)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def looked_at(port, root, folder, *, zone=ZONE, seconds=3, **sections):
    """What the survey says of the mail hosts alone, and the client."""
    (folder / "ca.pem").write_bytes(root.pem)
    async with resolver(zone) as dns:
        network = {
            "nameservers": [dns],
            "connect_to": {f"{MAIL}:25": f"127.0.0.1:{port}"} if port else {},
            "ca_file": str(folder / "ca.pem"),
            "timeout_s": seconds,
        }
        given = {"network": network, "site": {}} | sections
        async with client(1, root=folder, reach=("",), **given) as audited:
            evidence = await tls.survey(audited)
            mail = tuple(host for host in evidence.hosts if host.is_mail)
            yield replace(evidence, hosts=mail), audited


def leaf(by, **options):
    return issue(MAIL, by, **{"names": (MAIL,)} | options)


SITUATIONS = {
    "right": (leaf, None),
    "expired": (lambda by: leaf(by, starts=NOW - 91 * DAY), "expired"),
    "wrong name": (lambda by: leaf(by, names=("other.example",)), "wrong name"),
    "self-signed": (lambda _: leaf(None), "self-signed"),
    "unknown issuer": (lambda _: leaf(issue("Stranger", ca=True)), "unknown issuer"),
    "ends soon": (lambda by: leaf(by, starts=NOW - 80 * DAY), "ends soon"),
}


@pytest.mark.parametrize("name", SITUATIONS)
async def test_each_situation_of_a_mail_host_is_named_rightly(name, root, tmp_path):
    make, kind = SITUATIONS[name]
    own = make(root)
    async with (
        relay(context(tmp_path, own)) as port,
        looked_at(port, root, tmp_path) as (evidence, _),
    ):
        (host,) = evidence.hosts
        assert [problem.kind for problem in tls.problems(host, evidence.now)] == ([kind] if kind else [])
        judged = tls.certificate(evidence)
    assert judged.status is (Status.FAIL if kind else Status.PASS)
    assert f"{MAIL} (mail)" in judged.summary
    assert "browsers" not in judged.summary
    if kind:
        assert judged.about == (f"{MAIL} (mail) {kind}",)
        assert "do not deliver" in judged.impact


async def test_a_mail_host_without_encryption_fails(root, tmp_path):
    async with relay(None) as port, looked_at(port, root, tmp_path) as (evidence, _):
        judged = tls.certificate(evidence)
    assert judged.status is Status.FAIL
    assert "travels in the open" in judged.summary
    assert "STARTTLS" in judged.fix


@pytest.mark.parametrize(
    ("options", "status", "word"),
    [
        ({"lowest": ssl.TLSVersion.TLSv1}, Status.PASS, MAIL),
        ({"lowest": ssl.TLSVersion.TLSv1, "highest": ssl.TLSVersion.TLSv1_1}, Status.FAIL, "no newer version than"),
    ],
    ids=["old ones too", "old ones only"],
)
async def test_old_versions_fail_a_mail_host_only_where_it_has_no_new_one(options, status, word, root, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        served = context(tmp_path, leaf(root), **options)
    async with relay(served) as port, looked_at(port, root, tmp_path) as (evidence, _):
        judged = tls.protocols(evidence)
    assert judged.status is status
    assert word in judged.summary


async def test_a_mail_providers_hosts_are_named_and_left_alone(root, tmp_path):
    zone = f"{DOMAIN}. MX 1 mx.provider.example.\nmx.provider.example. A 203.0.113.99\n"
    async with looked_at(1, root, tmp_path, zone=zone) as (evidence, audited):
        assert (evidence.hosts, evidence.others) == ((), ("mx.provider.example",))
        assert not [refusal for refusal in audited.network.traffic.refused if "provider" in refusal.host]
        assert "somebody else runs it" in evidence.frame().iloc[0]["state"]


async def test_a_mail_host_of_the_clients_own_that_is_out_of_scope_is_unknown_and_named(root, tmp_path):
    granted = {"granted_by": "x", "granted_on": "2026-01-01", "hosts": [DOMAIN]}
    async with looked_at(1, root, tmp_path, authorization=granted) as (evidence, _):
        judged = tls.certificate(evidence)
    assert judged.status is Status.UNKNOWN
    assert f"authorization.hosts: [{MAIL}]" in judged.needs


@pytest.mark.parametrize("zone", [f"{DOMAIN}. MX 0 .\n", f"{DOMAIN}. MX 10 {MAIL}.\n"], ids=["null MX", "no address"])
async def test_where_there_is_no_mail_host_there_is_nothing_to_look_at(zone, root, tmp_path):
    async with looked_at(None, root, tmp_path, zone=zone) as (evidence, _):
        assert (evidence.hosts, evidence.others, evidence.missing) == ((), (), ())


async def test_mail_hosts_that_could_not_be_looked_up_leave_it_unknown(tmp_path):
    async with client(1, root=tmp_path, reach=("",), site={}) as audited:  # whose nameserver is not there
        judged = tls.certificate(await tls.survey(audited))
    assert judged.status is Status.UNKNOWN
    assert f"the mail hosts of {DOMAIN} could not be looked up" in judged.reason


async def _turning_away(_reader, writer):
    writer.write(b"554-go away\r\n554 now\r\n")
    await writer.drain()


async def _endless(_reader, writer):
    writer.write(b"220 hello\r\n")
    while True:
        writer.write(b"250-x\r\n" * 1000)
        await writer.drain()


async def _no_smtp(_reader, writer):
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n\xff\xfe")
    await writer.drain()


async def _one_line(_reader, writer):
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


async def _hanging_up(_reader, writer):
    writer.transport.abort()


async def _silent(_reader, _writer):
    await asyncio.Event().wait()


async def _taking_back(reader, writer):
    writer.write(b"220 hello\r\n")
    for answer in (b"250-x\r\n250 STARTTLS\r\n", b"454 not now\r\n"):
        await reader.readline()
        writer.write(answer)


async def _garbage(reader, writer):
    writer.write(b"220 hello\r\n")
    for answer in (b"250-x\r\n250-starttls\r\n250 SIZE\r\n", b"220 go\r\nMAIL FROM:<injected>\r\n"):
        await reader.readline()
        writer.write(answer)
    await reader.read(100)
    writer.write(b"\x00" * 70_000)
    await writer.drain()


HOSTILE = {
    "turns us away": (_turning_away, "shut", "does not talk to the audit (it answered 554)"),
    "answers without end": (_endless, "shut", "does not speak SMTP"),
    "speaks something else": (_no_smtp, "shut", "does not speak SMTP"),
    "one line without end": (_one_line, "shut", "does not speak SMTP"),
    "hangs up": (_hanging_up, "reset", "a network that lets port 25 out"),
    "is silent": (_silent, "timeout", "a network that lets port 25 out"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_mail_host_that_does_not_play_along_is_unknown(name, root, tmp_path):
    handle, state, words = HOSTILE[name]
    async with listening(handle) as port, looked_at(port, root, tmp_path, seconds=2.0) as (evidence, _):
        (host,) = evidence.hosts
    assert host.read.state == state
    judged = tls.certificate(evidence)
    assert judged.status is Status.UNKNOWN
    assert words in f"{judged.reason} {judged.needs}"


@pytest.mark.parametrize(
    ("handle", "state", "kind"), [(_taking_back, "plain", "no encryption"), (_garbage, "tls", "no TLS")]
)
async def test_an_offer_of_encryption_that_is_none_fails(handle, state, kind, root, tmp_path):
    async with listening(handle) as port, looked_at(port, root, tmp_path) as (evidence, _):
        (host,) = evidence.hosts
        assert host.read.state == state
        assert [problem.kind for problem in tls.problems(host, evidence.now)] == [kind]
