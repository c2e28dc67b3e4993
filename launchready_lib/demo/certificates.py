"""A certificate authority of Harbor Club's own, and the TLS contexts of its servers (RFC 5280)."""

from __future__ import annotations

import datetime as dt
import ssl
import warnings
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from launchready_lib.demo import names
from launchready_lib.demo.faults import Switchboard
from launchready_lib.record.files import private_folder, write_private

_DAY = dt.timedelta(days=1)
_LEAF_LIFETIME = 60 * _DAY
_Key = ec.EllipticCurvePublicKey


class CertificateAuthority:
    """Issues the certificates of one world; `file` is its own, which the parameters' `network.ca_file` names."""

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
        now = dt.datetime.now(dt.UTC)
        self._certificate = self._sign(self._name, self._key.public_key(), now - 90 * _DAY, now + 365 * _DAY)
        self.file = folder / "ca.pem"
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def context(self, hosts: Iterable[str]) -> ssl.SSLContext:
        """A server's context with one certificate for all these hosts; one at fault gets its own by SNI (RFC 6066)."""
        hosts = tuple(hosts)
        now = dt.datetime.now(dt.UTC)
        healthy = self._serve(hosts, now - _DAY, now - _DAY + _LEAF_LIFETIME)
        expired = {
            host: self._serve((host,), now - _DAY - _LEAF_LIFETIME, now - _DAY)
            for host in (names.API, names.MAIL_HOST)
            if host in hosts
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
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
        leaf = self._sign(subject, key.public_key(), start, end, hosts)
        chain = "".join(c.public_bytes(serialization.Encoding.PEM).decode() for c in (leaf, self._certificate))
        file = private_folder(self._folder / "tls") / f"{leaf.serial_number:x}.pem"
        write_private(file, private_pem(key) + chain)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(file)
        return context

    def _sign(
        self, subject: x509.Name, key: _Key, start: dt.datetime, end: dt.datetime, hosts: tuple[str, ...] = ()
    ) -> x509.Certificate:
        """A certificate for these hosts; without any, the authority's own."""
        # digital_signature for a host; key_cert_sign and crl_sign for the authority
        usage = x509.KeyUsage(bool(hosts), False, False, False, False, not hosts, not hosts, False, False)
        builder = (
            x509.CertificateBuilder(self._name, subject, key, x509.random_serial_number(), start, end)
            .add_extension(x509.BasicConstraints(ca=not hosts, path_length=None if hosts else 0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )
        if hosts:
            alternatives = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
            issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
            for each in (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), alternatives, issuer):
                builder = builder.add_extension(each, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def private_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    """A private key as a server reads it."""
    encryption = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()
