"""A test CA that can also make every mistake: certificates in each wrong state, and server contexts for them."""

import datetime as dt
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

DAY = dt.timedelta(days=1)
SHA256_RSA = bytes.fromhex("2a864886f70d01010b")
SHA1_RSA = bytes.fromhex("2a864886f70d010105")


@dataclass(frozen=True)
class Issued:
    """A certificate with its key; `der` is what is sent (it may be tampered with)."""

    name: x509.Name
    key: object
    certificate: x509.Certificate
    der: bytes

    @property
    def pem(self) -> bytes:
        return ssl.DER_cert_to_PEM_cert(self.der).encode()


def _name(common: str, organisation: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)] if organisation else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def issue(
    common,
    by=None,
    *,
    names=(),
    ca=False,
    starts=None,
    lifetime=90 * DAY,
    key=None,
    aia=False,
    sha1=False,
    organisation=None,
    must_staple=False,
):
    """Issue a certificate, self-signed where `by` is None."""
    key = key or (rsa.generate_private_key(65537, 2048) if sha1 else ec.generate_private_key(ec.SECP256R1()))
    name = _name(common, organisation)
    issuer_name, issuer_key = (by.name, by.key) if by else (name, key)
    starts = starts or dt.datetime.now(dt.UTC) - DAY
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(starts + lifetime)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if names:
        san = x509.SubjectAlternativeName([x509.DNSName(each) for each in names])
        builder = builder.add_extension(san, critical=False)
    if not ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    if aia:
        where = x509.UniformResourceIdentifier("http://ca.example/issuer.cer")
        access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, where)
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    if must_staple:
        builder = builder.add_extension(x509.TLSFeature([x509.TLSFeatureType.status_request]), critical=False)
    certificate = builder.sign(issuer_key, hashes.SHA256())
    der = certificate.public_bytes(serialization.Encoding.DER)
    return Issued(name, key, certificate, _with_sha1(certificate, issuer_key) if sha1 else der)


def _with_sha1(certificate, issuer_key):
    """The same certificate signed with SHA-1, which the builder refuses to do."""
    tbs = certificate.tbs_certificate_bytes.replace(SHA256_RSA, SHA1_RSA)
    signature = issuer_key.sign(tbs, padding.PKCS1v15(), hashes.SHA1())
    algorithm = b"\x30\x0d\x06\x09" + SHA1_RSA + b"\x05\x00"
    return _tagged(0x30, tbs + algorithm + _tagged(0x03, b"\x00" + signature))


def _tagged(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x80 | (n := (size.bit_length() + 7) // 8)]) + size.to_bytes(n)
    return bytes([tag]) + length + content


def context(folder: Path, leaf: Issued, *chain: Issued, lowest=None, highest=None, ciphers="ALL:@SECLEVEL=0"):
    """A server's context that sends these certificates in this order, however weak they are."""
    private = leaf.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / f"{leaf.certificate.serial_number:x}.pem"
    file.write_bytes(private + b"".join(each.pem for each in (leaf, *chain)))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_ciphers(ciphers)
    made.minimum_version = lowest or ssl.TLSVersion.TLSv1_2
    if highest is not None:
        made.maximum_version = highest
    made.load_cert_chain(file)
    return made
