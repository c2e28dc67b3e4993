"""The OCSP answer that a real nginx sends along is read and judged; that there is none is no fault."""

import asyncio
import datetime as dt
import os
import shutil
from contextlib import asynccontextmanager

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from launchready_lib.checks.secure_edge import tls
from launchready_lib.checks.secure_edge.tls import handshake, stapling
from launchready_lib.record.findings import Status
from launchready_lib.site.certificates import read
from tests.certificates import DAY, Issued, context, issue
from tests.kit.fronts import free_ports, running
from tests.web_servers import DOMAIN, Reply, client, listening, resolver, serving

pytestmark = pytest.mark.anyio

NOW = dt.datetime.now(dt.UTC)
ROOT = issue("Test Root", ca=True, lifetime=3650 * DAY)
MIDDLE = issue("Test Issuer", ROOT, ca=True, lifetime=1000 * DAY)


def leaf(**options):
    return issue(DOMAIN, MIDDLE, names=(DOMAIN,), **options)


def told(own: Issued, *, by=MIDDLE, revoked=None, until=NOW + 5 * DAY, about=None) -> bytes:
    """An OCSP answer about a certificate."""
    good = revoked is None
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=(about or own).certificate,
        issuer=MIDDLE.certificate,
        algorithm=hashes.SHA256(),
        cert_status=ocsp.OCSPCertStatus.GOOD if good else ocsp.OCSPCertStatus.REVOKED,
        this_update=NOW - 9 * DAY,
        next_update=until,
        revocation_time=revoked,
        revocation_reason=None if good else x509.ReasonFlags.key_compromise,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, by.certificate)
    if by is not MIDDLE:
        builder = builder.certificates([by.certificate])
    return builder.sign(by.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@asynccontextmanager
async def nginx(folder, own, staple, *, protocols="TLSv1.2 TLSv1.3"):
    """nginx with this certificate and staple; gives its port."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if not program:
        pytest.skip("nginx is not on this machine; scripts/system.sh installs it where CI is set")
    key = own.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "site.pem").write_bytes(own.pem + MIDDLE.pem + key)
    (folder / "staple.der").write_bytes(staple or b"")
    (port,) = free_ports(1)
    stapled = f"ssl_stapling on; ssl_stapling_file {folder}/staple.der;" if staple else ""
    paths = " ".join(f"{kind}_temp_path {folder};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log stderr; {'user root;' if os.geteuid() == 0 else ''}"
        f"worker_processes 1; events {{ }} http {{ access_log off; {paths} server {{ listen 127.0.0.1:{port} ssl http2;"
        f"ssl_protocols {protocols}; ssl_certificate {folder}/site.pem; ssl_certificate_key {folder}/site.pem;"
        f"{stapled}"
        "location / { return 200; } } }"
    )
    with running([program, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")], port):
        yield port


@asynccontextmanager
async def surveyed(port, folder):
    (folder / "ca.pem").write_bytes(ROOT.pem)
    async with resolver() as dns:
        network = {"nameservers": [dns], "ca_file": str(folder / "ca.pem")}
        async with client(port, root=folder, reach=("",), site={}, network=network) as audited:
            evidence = await tls.survey(audited)
            yield evidence, next(host for host in evidence.hosts if host.host == DOMAIN)


def responder(**usage):
    """A certificate that the issuer charged with answering, or not."""
    key = issue("Responder", MIDDLE)
    if not usage.get("charged", True):
        return key
    builder = (
        x509.CertificateBuilder()
        .subject_name(key.name)
        .issuer_name(MIDDLE.name)
        .public_key(key.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
    )
    certificate = builder.sign(MIDDLE.key, hashes.SHA256())
    return Issued(key.name, key.key, certificate, certificate.public_bytes(serialization.Encoding.DER))


# name -> (what is sent along, its state, the problem with and without the certificate's demand for one)
STAPLES = {
    "good": (told, "good", None, None),
    "none": (lambda _: None, "none", None, "must-staple"),
    "revoked": (lambda own: told(own, revoked=NOW - DAY), "revoked", "revoked", "revoked"),
    "out of date": (lambda own: told(own, until=NOW - DAY), "stale", None, "must-staple"),
    "of another certificate": (lambda own: told(own, about=leaf()), "invalid", None, "must-staple"),
    "signed by a stranger": (lambda own: told(own, by=issue("S", ca=True)), "invalid", None, "must-staple"),
    "signed by one in charge": (lambda own: told(own, by=responder()), "good", None, None),
    "signed by one not in charge": (
        lambda own: told(own, by=responder(charged=False)),
        "invalid",
        None,
        "must-staple",
    ),
    "no answer at all": (lambda _: b"\x30\x03\x0a\x01\x06", "invalid", None, "must-staple"),
}


@pytest.mark.parametrize("demanded", [False, True], ids=["as it likes", "must-staple"])
@pytest.mark.parametrize("name", STAPLES)
async def test_a_staple_is_read_and_judged(name, demanded, tmp_path):
    make, state, *kinds = STAPLES[name]
    own, kind = leaf(must_staple=demanded), kinds[demanded]
    async with nginx(tmp_path, own, make(own)) as port, surveyed(port, tmp_path) as (evidence, host):
        assert host.staple.state == state
        assert [problem.kind for problem in tls.problems(host, evidence.now)] == ([kind] if kind else [])
        judged = tls.certificate(evidence)
    assert judged.status is (Status.FAIL if kind else Status.PASS)
    row = evidence.frame().iloc[0]
    assert row["http_2"]
    assert row["ocsp"].startswith("none sent" if state == "none" else "sent along")


@pytest.mark.parametrize("demanded", [False, True], ids=["as it likes", "must-staple"])
async def test_where_it_travels_encrypted_only_a_demand_for_it_leaves_it_unknown(demanded, tmp_path):
    own = leaf(must_staple=demanded)
    async with (
        nginx(tmp_path, own, told(own), protocols="TLSv1.3") as port,
        surveyed(port, tmp_path) as (evidence, host),
    ):
        assert host.staple.state == "unseen"
        judged = tls.certificate(evidence)
    assert judged.status is (Status.UNKNOWN if demanded else Status.PASS)
    assert ("OCSP" in (judged.reason or "")) is demanded


async def test_http_1_alone_is_told_and_is_no_fault(tmp_path):
    served = context(tmp_path, leaf(), MIDDLE)
    async with serving(lambda _: Reply("x"), context=served) as site, surveyed(site.port, tmp_path) as (evidence, _):
        assert not evidence.frame().iloc[0]["http_2"]
        assert tls.certificate(evidence).status is Status.PASS


async def _endless(reader, writer):
    await reader.read(100)
    while True:
        writer.write(b"\x16\x03\x03\x40\x00" + b"\x0b\xff\xff\xff" + bytes(0x3FFC))
        await writer.drain()


async def _dripping(reader, writer):
    await reader.read(100)
    while True:
        writer.write(b"\x16")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("handle", [_endless, _dripping], ids=["without end", "byte by byte"])
async def test_an_answer_without_end_is_given_up(handle, tmp_path):
    async with listening(handle) as port, client(port, reach=("",), root=tmp_path, network={"timeout_s": 0.5}) as acme:
        flight = await handshake.first_flight(acme, DOMAIN)
    assert stapling.read(flight, NOW).state == "unseen"


@settings(deadline=None)
@given(st.lists(st.binary(max_size=400), max_size=6))
def test_any_bytes_are_no_answer(parts):
    answer = stapling.Answer()
    for part in parts:
        answer.feed(b"\x16\x03\x03" + len(part).to_bytes(2, "big") + part)
    assert stapling.read(answer, NOW).state in ("unseen", "none", "invalid")


@settings(deadline=None)
@given(st.data())
def test_an_answer_with_a_flipped_byte_is_read_or_not(data):
    staple = bytearray(STAPLE)
    place = data.draw(st.integers(0, len(staple) - 1))
    staple[place] ^= data.draw(st.integers(1, 255))
    answer = stapling.Answer()
    answer.whole, answer.status, answer.certificates = True, bytes(staple), (OWN.der, MIDDLE.der)
    assert stapling.read(answer, NOW).state in ("good", "stale", "invalid")


OWN = leaf()
STAPLE = told(OWN)


@pytest.mark.parametrize(
    ("days", "lifetime", "words", "overdue"),
    [
        (1, 90, "due by", False),
        (61, 90, "due by", True),
        (70, 90, "so overdue", True),
        (5, 6, "so overdue", True),
        (3, 6, "due by", False),
        (91, 90, "it was not", True),
        (300, 365, "into a calendar", False),
    ],
)
def test_whether_it_will_renew_is_told_from_its_age(days, lifetime, words, overdue):
    plain = read(leaf(starts=NOW - days * DAY - dt.timedelta(minutes=1), lifetime=lifetime * DAY).der)
    assert words in plain.renewal(NOW)
    assert plain.is_overdue(NOW) is overdue


async def test_an_overdue_renewal_is_told_in_a_pass(tmp_path):
    served = context(tmp_path, leaf(starts=NOW - 70 * DAY), MIDDLE)
    async with serving(lambda _: Reply("x"), context=served) as site, surveyed(site.port, tmp_path) as (evidence, _):
        judged = tls.certificate(evidence)
    assert judged.status is Status.PASS
    assert f"would have renewed that of {DOMAIN} by now" in judged.summary
