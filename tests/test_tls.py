"""Certificates made wrong in every usual way are each named rightly, from real handshakes on loopback."""

import asyncio
import datetime as dt
import ssl
import time
import warnings
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from launchready_lib.checks.secure_edge import tls
from launchready_lib.checks.secure_edge.tls.evidence import HostTls, TlsEvidence
from launchready_lib.checks.secure_edge.tls.handshake import Handshake
from launchready_lib.checks.secure_edge.tls.verdicts import needed
from launchready_lib.evidence import Unavailable
from launchready_lib.network import Answer
from launchready_lib.record.findings import Status
from launchready_lib.site.certificates import read
from tests.certificates import DAY, context, issue
from tests.web_servers import DOMAIN, Reply, client, listening, resolver, serving

pytestmark = pytest.mark.anyio

NOW = dt.datetime.now(dt.UTC)
HOUR = dt.timedelta(hours=1)


@pytest.fixture(scope="module")
def root():
    return issue("Test Root", ca=True, lifetime=3650 * DAY, key=rsa.generate_private_key(65537, 2048))


@pytest.fixture(scope="module")
def middle(root):
    return issue("Test Issuer", root, ca=True, lifetime=1000 * DAY, organisation="Test Authority")


@pytest.fixture(scope="module")
def ca_file(root, tmp_path_factory):
    file = tmp_path_factory.mktemp("ca") / "root.pem"
    file.write_bytes(root.pem)
    return file


async def _look(server_context, ca_file, tmp_path):
    async with resolver() as dns, serving(lambda _: Reply("x"), context=server_context) as site:
        settings = {"ca_file": str(ca_file), "nameservers": [dns]}
        async with client(site.port, root=tmp_path, reach=("",), network=settings, site={}) as audited:
            return await tls.survey(audited)


def _reaching(port, ca_file, tmp_path, **network):
    return client(port, root=tmp_path, reach=("",), network={"ca_file": str(ca_file), "timeout_s": 1} | network)


def _of(evidence):
    return next(host for host in evidence.hosts if host.host == DOMAIN)


def _kinds(evidence):
    return [problem.kind for problem in tls.problems(_of(evidence), evidence.now)]


def _leaf(by, **options):
    return issue(DOMAIN, by, **{"names": (DOMAIN, f"*.{DOMAIN}")} | options)


@pytest.fixture(scope="module")
def situations(root, middle):
    """Name -> (the certificates sent, own first; the problem's kind, None where there is none)."""
    stranger = issue("Stranger Root", ca=True)
    short = issue(DOMAIN, middle, names=(DOMAIN,), starts=NOW - HOUR, lifetime=6 * DAY)
    return {
        "right": ((_leaf(middle), middle), None),
        "with its root sent along": ((_leaf(middle), middle, root), None),
        "short-lived and fresh": ((short, middle), None),
        "expired": ((_leaf(middle, starts=NOW - 91 * DAY - HOUR), middle), "expired"),
        "not yet valid": ((_leaf(middle, starts=NOW + 2 * DAY), middle), "not yet valid"),
        "wrong name": ((_leaf(middle, names=("other.example",)), middle), "wrong name"),
        "common name only": ((_leaf(middle, names=()), middle), "wrong name"),
        "self-signed": ((issue(DOMAIN, names=(DOMAIN,)),), "self-signed"),
        "incomplete chain": ((_leaf(middle, aia=True),), "incomplete chain"),
        "reversed chain": ((_leaf(middle), root, middle), "reversed chain"),
        "unknown issuer": ((_leaf(stranger), stranger), "unknown issuer"),
        "unknown issuer, not sent": ((_leaf(stranger),), "unknown issuer"),
        "weak key": ((_leaf(middle, key=rsa.generate_private_key(65537, 1024)), middle), "weak key"),
        "weak signature": ((_leaf(root, sha1=True),), "weak signature"),
        "ends soon": ((_leaf(middle, starts=NOW - 80 * DAY), middle), "ends soon"),
        "short-lived and late": (
            (_leaf(middle, starts=NOW - 5 * DAY, lifetime=6 * DAY), middle),
            "ends soon",
        ),
        "stale chain": (
            (_leaf(old := issue("Old Issuer", root, ca=True, starts=NOW - 91 * DAY - HOUR)), old),
            "stale chain",
        ),
    }


SITUATIONS = (
    "right",
    "with its root sent along",
    "short-lived and fresh",
    "expired",
    "not yet valid",
    "wrong name",
    "common name only",
    "self-signed",
    "incomplete chain",
    "reversed chain",
    "unknown issuer",
    "unknown issuer, not sent",
    "weak key",
    "weak signature",
    "ends soon",
    "short-lived and late",
    "stale chain",
)


@pytest.mark.parametrize("name", SITUATIONS)
async def test_each_situation_is_named_rightly(name, situations, ca_file, tmp_path):
    sent, kind = situations[name]
    evidence = await _look(context(tmp_path, *sent), ca_file, tmp_path)
    assert _kinds(evidence) == ([kind] if kind else [])
    judged = tls.certificate(TlsEvidence((_of(evidence),), evidence.now))
    assert judged.status is (Status.FAIL if kind else Status.PASS)
    assert DOMAIN in judged.summary
    if kind:
        assert judged.fix


async def test_several_faults_are_all_named(middle, ca_file, tmp_path):
    leaf = _leaf(middle, names=("other.example",), starts=NOW - 100 * DAY)
    evidence = await _look(context(tmp_path, leaf, middle), ca_file, tmp_path)
    assert _kinds(evidence) == ["expired", "wrong name"]


async def test_a_host_takes_under_a_fifth_of_a_second(middle, ca_file, tmp_path):
    served = context(tmp_path, _leaf(middle), middle)
    await _look(served, ca_file, tmp_path)
    async with resolver() as dns, serving(lambda _: Reply("x"), context=served) as site:
        many = {f"h{n}": {"host": f"h{n}.{DOMAIN}", "expect": "app"} for n in range(8)}
        to = {f"h{n}.{DOMAIN}:443": f"127.0.0.1:{site.port}" for n in range(8)}
        settings = {"ca_file": str(ca_file), "connect_to": to, "nameservers": [dns]}
        async with client(site.port, root=tmp_path, network=settings, site={"subdomains": many}) as audited:
            started = time.perf_counter()
            evidence = await tls.survey(audited)
            each = (time.perf_counter() - started) / len(evidence.hosts)
    seen = [host for host in evidence.hosts if host.read.state == "ok"]
    assert len(seen) == 10
    assert each < 0.2


async def test_a_port_that_speaks_plain_http_is_no_tls(ca_file, tmp_path):
    async def handle(reader, writer):
        await reader.read(1000)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        await writer.drain()

    async with listening(handle) as port, _reaching(port, ca_file, tmp_path) as audited:
        evidence = await tls.survey(audited)
    assert _kinds(evidence) == ["no TLS"]


GARBAGE = (b"", b"\x16\x03\x01\xff\xff" + b"\0" * 70_000, b"\x15\x03\x01\x00\x02\x02\x28")


@pytest.mark.parametrize("said", GARBAGE, ids=["nothing", "too much", "an alert"])
async def test_garbage_instead_of_a_handshake_is_no_tls(said, ca_file, tmp_path):
    async def handle(reader, writer):
        await reader.read(1000)
        writer.write(said)
        await writer.drain()

    async with listening(handle) as port, _reaching(port, ca_file, tmp_path) as audited:
        evidence = await tls.survey(audited)
    assert _of(evidence).read.state in ("tls", "reset")


async def test_silence_is_unknown_within_the_time_limit(ca_file, tmp_path):
    async def handle(_reader, _writer):
        await asyncio.Event().wait()

    async with listening(handle) as port, _reaching(port, ca_file, tmp_path, timeout_s=0.4) as audited:
        evidence = await tls.survey(audited)
    for judged in (tls.certificate(evidence), tls.protocols(evidence), tls.issuance(evidence)):
        assert judged.status is Status.UNKNOWN


async def test_a_closed_port_leaves_the_certificate_unseen(ca_file, tmp_path):
    async with _reaching(1, ca_file, tmp_path) as audited:
        evidence = await tls.survey(audited)
    judged = tls.certificate(evidence)
    assert judged.status is Status.UNKNOWN
    assert "did not answer" in judged.reason


def _old(folder, leaf, chain, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return context(folder, leaf, chain, **options)


@pytest.mark.parametrize(
    ("options", "status", "word"),
    [
        ({}, Status.PASS, "TLS 1.2 or newer only"),
        ({"lowest": ssl.TLSVersion.TLSv1_3}, Status.PASS, "TLS 1.2 or newer only"),
        ({"lowest": ssl.TLSVersion.TLSv1}, Status.FAIL, "TLS 1.0"),
        (
            {"highest": ssl.TLSVersion.TLSv1_2, "ciphers": "kRSA:@SECLEVEL=0"},
            Status.FAIL,
            "no forward secrecy",
        ),
    ],
    ids=["1.2 and 1.3", "1.3", "1.0 too", "no forward secrecy"],
)
async def test_old_versions_and_missing_forward_secrecy_fail(options, status, word, root, ca_file, tmp_path):
    leaf = _leaf(root, key=rsa.generate_private_key(65537, 2048))
    evidence = await _look(_old(tmp_path, leaf, root, **options), ca_file, tmp_path)
    judged = tls.protocols(TlsEvidence((_of(evidence),), evidence.now))
    assert judged.status is status
    assert word in judged.summary


@pytest.mark.parametrize(
    ("names", "host", "covered"),
    [
        (("acme.example",), "ACME.example.", True),
        (("*.acme.example",), "app.acme.example", True),
        (("*.acme.example",), "acme.example", False),
        (("*.acme.example",), "a.b.acme.example", False),
        (("*.example",), "acme.example", True),
        (("a*.acme.example",), "app.acme.example", False),
        (("bücher.example",), "xn--bcher-kva.example", True),
        ((), "acme.example", False),
    ],
)
def test_a_star_stands_for_one_whole_label(names, host, covered):
    plain = read(issue("x", names=("x.example",)).der)
    assert plain is not None
    assert replace(plain, names=names).covers(host) is covered


def test_a_third_of_a_short_lifetime_is_needed_and_fourteen_days_of_a_long_one():
    short = read(issue("x", lifetime=6 * DAY).der)
    long = read(issue("x", lifetime=90 * DAY).der)
    assert needed(short) == 2 * DAY
    assert needed(long) == 14 * DAY


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()], ids=lambda c: c.name)
def test_usual_curves_are_strong(curve):
    certificate = read(issue("x", key=ec.generate_private_key(curve)).der)
    assert not certificate.weak_key


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_a_malformed_certificate_is_none_at_all(der):
    assert read(der) is None


@settings(deadline=None)
@given(st.data())
def test_a_certificate_with_a_flipped_byte_is_read_or_none(data):
    der = bytearray(TEMPLATE)
    place = data.draw(st.integers(0, len(der) - 1))
    der[place] ^= data.draw(st.integers(1, 255))
    certificate = read(bytes(der))
    assert certificate is None or isinstance(certificate.covers("x.example"), bool)


TEMPLATE = issue("x", names=("x.example",)).der


def _host(caa, organisation="Let's Encrypt", names=(DOMAIN,)):
    by = issue("E7", ca=True, organisation=organisation)
    own = read(issue(DOMAIN, by, names=names).der)
    ok = Handshake("ok", code=0)
    return TlsEvidence((HostTls(f"app.{DOMAIN}", ok, ok, {}, (own,), 0, caa),), NOW)


def _caa(state, *records, name=DOMAIN):
    return Answer(name, "CAA", "ns", state, records)


@pytest.mark.parametrize(
    ("caa", "status"),
    [
        ((_caa("NODATA"), _caa("NXDOMAIN", name="example")), Status.FAIL),
        ((_caa("NOERROR", '0 issue "letsencrypt.org"'),), Status.PASS),
        ((_caa("NOERROR", '0 issue "letsencrypt.org; validationmethods=dns-01"'),), Status.PASS),
        ((_caa("NOERROR", '0 issue "digicert.com"'),), Status.FAIL),
        ((_caa("NOERROR", '0 issue ";"'),), Status.FAIL),
        ((_caa("SERVFAIL"),), Status.UNKNOWN),
        ((_caa("TIMEOUT"),), Status.UNKNOWN),
        ((), Status.UNKNOWN),
    ],
)
def test_caa_must_exist_and_allow_the_issuer_in_use(caa, status):
    assert tls.issuance(_host(caa)).status is status


def test_a_wildcard_certificate_goes_by_issuewild_where_it_stands():
    records = _caa("NOERROR", '0 issue "letsencrypt.org"', '0 issuewild ";"')
    assert tls.issuance(_host((records,), names=(f"*.{DOMAIN}",))).status is Status.FAIL
    assert tls.issuance(_host((records,))).status is Status.PASS


def test_an_issuer_that_we_do_not_know_is_unknown_unless_its_organisation_is_a_domain():
    records = _caa("NOERROR", '0 issue "ca.acme.example"')
    assert tls.issuance(_host((records,), "Some Authority")).status is Status.UNKNOWN
    assert tls.issuance(_host((records,), "ca.acme.example")).status is Status.PASS


def test_without_permission_everything_is_unknown():
    for judge in (tls.certificate, tls.protocols, tls.issuance):
        assert judge(Unavailable("no", "authorization")).status is Status.UNKNOWN


async def test_without_an_authorization_no_host_is_asked(tmp_path):
    async with client(1, root=tmp_path, authorization=None) as audited:
        assert isinstance(await tls.survey(audited), Unavailable)
        assert not audited.network.traffic.requests
