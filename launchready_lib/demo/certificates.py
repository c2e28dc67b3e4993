"""A certificate authority of Harbor Club's own, and the TLS contexts of its servers (RFC 5280)."""

from __future__ import annotations

import datetime as dt
import ssl
import warnings
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from launchready_lib.demo import names
from launchready_lib.demo.faults import Switchboard
from launchready_lib.demo.files import write_private

_DAY = dt.timedelta(days=1)
_LEAF_LIFETIME = 60 * _DAY
_CA_LIFETIME = 365 * _DAY
_EXPIRING = (names.API, names.MAIL_HOST)
"""Hosts whose certificate a fault lets expire."""


class CertificateAuthority:
    """Issues the certificates of one world.

    Attributes:
        file: its own certificate as PEM, which the parameters' `network.ca_file` names.
    """

    def __init__(self, folder: Path, switchboard: Switchboard) -> None:
        self._folder = folder
        self._switchboard = switchboard
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, names.CA_DOMAIN),
                x509.NameAttribute(NameOID.COMMON_NAME, names.CA_NAME),
            ]
        )
        self._certificate = self._self_signed()
        self.file = folder / "ca.pem"
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def context(self, hosts: Iterable[str]) -> ssl.SSLContext:
        """A server's context with one certificate for all these hosts, the CA's own behind it.

        A host whose certificate is at fault gets that one, by the name the client asks for (SNI, RFC 6066 section 3).
        """
        hosts = tuple(hosts)
        now = dt.datetime.now(dt.UTC)
        healthy = self._serve(hosts, now - _DAY, now - _DAY + _LEAF_LIFETIME)
        expired = {
            host: self._serve((host,), now - _DAY - _LEAF_LIFETIME, now - _DAY) for host in _EXPIRING if host in hosts
        }

        def choose(connection: ssl.SSLObject, server_name: str | None, _: ssl.SSLContext) -> None:
            if server_name in expired and self._switchboard.on("tls.certificate"):
                connection.context = expired[server_name]

        healthy.sni_callback = choose
        self._date(healthy)

        async def follow() -> None:
            self._date(healthy)

        self._switchboard.subscribe(follow)
        return healthy

    def _date(self, context: ssl.SSLContext) -> None:
        """Keep a context's oldest protocol as `tls.protocols` says: TLS 1.0 needs OpenSSL's lowest security level."""
        old = self._switchboard.on("tls.protocols")
        context.set_ciphers("ALL:@SECLEVEL=0" if old else "DEFAULT")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is the point
            context.minimum_version = ssl.TLSVersion.TLSv1 if old else ssl.TLSVersion.TLSv1_2

    def _serve(self, hosts: tuple[str, ...], start: dt.datetime, end: dt.datetime) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._issue(hosts, key.public_key(), start, end)
        chain = b"".join(c.public_bytes(serialization.Encoding.PEM) for c in (leaf, self._certificate))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = write_private(self._folder / "tls" / f"{leaf.serial_number:x}.pem", private + chain)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(file)
        return context

    def _issue(
        self, hosts: tuple[str, ...], key: ec.EllipticCurvePublicKey, start: dt.datetime, end: dt.datetime
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])]))
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256())

    def _self_signed(self) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        key = self._key.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 90 * _DAY)
            .not_valid_after(now + _CA_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(key_cert_sign=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256())


def _key_usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        encipher_only=False,
        decipher_only=False,
    )
