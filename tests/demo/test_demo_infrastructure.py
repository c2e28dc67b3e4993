"""Harbor Club's certificates, registration data and mail are what their protocols say."""

import asyncio
import datetime as dt
import json
import mailbox as maildirs
import smtplib
import socket
import ssl
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.verification import PolicyBuilder, Store

from launchready_lib.demo import certificates, mailbox, names, registration
from launchready_lib.demo.faults import Switchboard

pytestmark = pytest.mark.anyio


@pytest.fixture
def switchboard():
    return Switchboard()


@pytest.fixture
def authority(tmp_path, switchboard):
    return certificates.CertificateAuthority(tmp_path, switchboard)


@pytest.fixture
async def tls_port(authority):
    server = await asyncio.start_server(lambda _, w: w.close(), "127.0.0.1", 0, ssl=authority.context(names.WEB_HOSTS))
    yield server.sockets[0].getsockname()[1]
    server.close()


def handshake(port, host, ca_file):
    """The certificate presented for a host; OpenSSL verifies chain, name and dates."""
    context = ssl.create_default_context(cafile=ca_file)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True))


@pytest.mark.parametrize("host", names.WEB_HOSTS)
async def test_openssl_and_cryptography_accept_every_host(authority, tls_port, host):
    leaf = await asyncio.to_thread(handshake, tls_port, host, authority.file)
    ca = x509.load_pem_x509_certificate(authority.file.read_bytes())
    verifier = PolicyBuilder().store(Store([ca])).build_server_verifier(x509.DNSName(host))
    assert len(verifier.verify(leaf, [])) == 2
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == dt.timedelta(days=60)


async def test_only_the_api_host_expires_under_its_fault(authority, tls_port, switchboard):
    await switchboard.set({"tls.certificate"})
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        await asyncio.to_thread(handshake, tls_port, names.API, authority.file)
    await asyncio.to_thread(handshake, tls_port, names.DOMAIN, authority.file)
    await switchboard.set(())
    await asyncio.to_thread(handshake, tls_port, names.API, authority.file)


async def test_private_keys_are_readable_by_their_owner_alone(authority, tmp_path):
    authority.context([names.WWW])
    mailbox.make_keys(tmp_path / "dkim")
    keys = [path for path in tmp_path.rglob("*.pem") if b"PRIVATE" in path.read_bytes()]
    assert len(keys) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}


def test_dkim_records_publish_the_kept_keys(tmp_path):
    published = mailbox.make_keys(tmp_path)
    assert tuple(published) == names.DKIM_SELECTORS
    for selector, text in published.items():
        private = serialization.load_pem_private_key((tmp_path / f"{selector}.pem").read_bytes(), None)
        public = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        assert text.partition("p=")[2] == "".join(public.decode().split("\n")[1:-2])


def fetch(port, ca_file, path):
    context = ssl.create_default_context(cafile=ca_file)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=names.RDAP_HOST) as secured,
    ):
        secured.sendall(f"GET {path} HTTP/1.1\r\nHost: {names.RDAP_HOST}\r\nConnection: close\r\n\r\n".encode())
        head, _, body = secured.makefile("rb").read().partition(b"\r\n\r\n")
    return head.decode(), json.loads(body)


@pytest.fixture
async def rdap(authority, switchboard):
    server, port = registration.start(switchboard, authority.context([names.RDAP_HOST]))
    yield lambda path: asyncio.to_thread(fetch, port, authority.file, path)
    server.stop()
    await server.close_all_connections()


def days_left(body):
    ends = next(event["eventDate"] for event in body["events"] if event["eventAction"] == "expiration")
    return (dt.datetime.fromisoformat(ends) - dt.datetime.now(dt.UTC)).days


async def test_registration_is_locked_and_far_from_its_end(rdap):
    head, body = await rdap(f"/domain/{names.DOMAIN.upper()}")
    assert "200 OK" in head
    assert "application/rdap+json" in head
    assert body["status"] == ["client transfer prohibited"]
    assert days_left(body) > 200
    assert [server["ldhName"] for server in body["nameservers"]] == list(names.NAMESERVERS)
    assert body["secureDNS"]["delegationSigned"] is True


async def test_registration_ends_in_ten_days_and_unlocked_under_its_fault(rdap, switchboard):
    await switchboard.set({"handover.dns"})
    _, body = await rdap(f"/domain/{names.DOMAIN}")
    assert 8 <= days_left(body) <= 10
    assert "client transfer prohibited" not in body["status"]


async def test_other_domains_are_not_found(rdap):
    head, body = await rdap("/domain/other.example")
    assert "404" in head
    assert body["errorCode"] == 404


async def test_mail_is_kept_with_its_envelope(tmp_path, switchboard):
    (tmp_path / "dkim").mkdir()
    mailbox.make_keys(tmp_path / "dkim")
    authority = certificates.CertificateAuthority(tmp_path, switchboard)
    server = await mailbox.start(tmp_path / "inbox", tmp_path / "dkim", switchboard, authority)
    port = server.sockets[0].getsockname()[1]

    def send():
        with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
            client.sendmail("from@harborclub.example", ["to@member.example"], "Subject: Reset\r\n\r\nHello\r\n")

    await asyncio.to_thread(send)
    server.close()
    (message,) = maildirs.Maildir(tmp_path / "inbox")
    assert (message["Return-Path"], message["Delivered-To"]) == ("<from@harborclub.example>", "to@member.example")
    assert message["Subject"] == "Reset"


async def test_a_change_is_made_when_every_subscriber_followed(switchboard):
    seen = []

    async def slow():
        await asyncio.sleep(0)
        seen.append(switchboard.faults)

    switchboard.subscribe(slow)
    await switchboard.set({"mail.spf"})
    await switchboard.set({"mail.spf"})
    await switchboard.set(())
    assert seen == [{"mail.spf"}, frozenset()]
