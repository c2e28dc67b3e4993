"""Certificates read into plain facts, and what a chain of them is worth (RFC 5280, RFC 9525)."""

from __future__ import annotations

import datetime as dt
import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from launchready_lib.network import address_of, normal

Extension = TypeVar("Extension", bound=x509.ExtensionType)

RSA_BITS = 2048
CURVE_BITS = 256
_LONGEST_AUTOMATIC = dt.timedelta(days=100)
"""Authorities whose certificates last this long at most expect a client that renews them by itself."""
_WEAK_HASHES = frozenset({"md2", "md4", "md5", "sha1"})
READ_ERRORS = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.UnsupportedGeneralNameType)


@dataclass(frozen=True)
class Certificate:
    """One certificate as sent."""

    subject: str  # subject, issuer: common name, else organisation, else the whole name
    issuer: str
    organisation: str  # of the issuer
    names: tuple[str, ...]  # DNS names and addresses it is for
    starts: dt.datetime
    ends: dt.datetime
    key: str  # key, signature: in words, such as "RSA 2048" and "sha256"
    signature: str
    weak_key: bool  # weak_key, weak_signature: not to be relied on any more
    weak_signature: bool
    is_self_signed: bool  # issuer and subject are one
    issuer_address: bool  # it says where its issuer's certificate can be had (AIA)
    subject_id: str  # subject_id, issuer_id: hashes of the encoded names, for telling who issued whom
    issuer_id: str
    must_staple: bool = False  # it demands that its host sends an OCSP answer along (TLS feature, RFC 7633)

    @property
    def lifetime(self) -> dt.timedelta:
        """From the first to the last moment of validity."""
        return self.ends - self.starts

    def renewal(self, now: dt.datetime) -> str:
        """When it should be renewed, in words: automatic clients do it with a third of its time left."""
        due = self.ends - self.lifetime / 3
        if now >= self.ends:
            return "it was not"
        if self.lifetime > _LONGEST_AUTOMATIC:
            return f"perhaps by hand: put {(self.ends - dt.timedelta(days=30)).date().isoformat()} into a calendar"
        return f"due by {due.date().isoformat()}" + (", so overdue" if self.is_overdue(now) else "")

    def is_overdue(self, now: dt.datetime) -> bool:
        """Whether an automatic client would have renewed it, a day or more ago."""
        due = self.ends - self.lifetime / 3
        return self.lifetime <= _LONGEST_AUTOMATIC and now > due + min(dt.timedelta(days=1), self.lifetime / 20)

    def covers(self, host: str) -> bool:
        """Whether one of its names is the host's; a star stands for one label, the leftmost (RFC 9525 §6.3)."""
        host = normal(host)
        first, _, parent = host.partition(".")
        by_star = bool(first) and not address_of(host)
        return any(
            normal(name) == host or (by_star and name.startswith("*.") and normal(name[2:]) == parent)
            for name in self.names
        )


def read(der: bytes) -> Certificate | None:
    """Read one certificate; None where it is malformed."""
    with warnings.catch_warnings():  # of what RFC 5280 disallows and the parser bears; it reads parts when asked for
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        try:
            return _read(x509.load_der_x509_certificate(der))
        except READ_ERRORS:
            return None


def _read(certificate: x509.Certificate) -> Certificate:
    key, weak_key = _key(certificate)
    signature, weak_signature = _signature(certificate)
    subject, issuer = certificate.subject, certificate.issuer
    san = _extension(certificate, x509.SubjectAlternativeName)
    addresses = [str(address) for address in san.get_values_for_type(x509.IPAddress)] if san else []
    access = _extension(certificate, x509.AuthorityInformationAccess)
    features = _extension(certificate, x509.TLSFeature)
    return Certificate(
        subject=_name(subject),
        issuer=_name(issuer),
        organisation=_part(issuer, NameOID.ORGANIZATION_NAME),
        names=(*san.get_values_for_type(x509.DNSName), *addresses) if san else (),
        starts=certificate.not_valid_before_utc,
        ends=certificate.not_valid_after_utc,
        key=key,
        signature=signature,
        weak_key=weak_key,
        weak_signature=weak_signature,
        is_self_signed=subject == issuer,
        issuer_address=any(a.access_method == AuthorityInformationAccessOID.CA_ISSUERS for a in access or ()),
        subject_id=hashlib.sha256(subject.public_bytes()).hexdigest(),
        issuer_id=hashlib.sha256(issuer.public_bytes()).hexdigest(),
        must_staple=features is not None and x509.TLSFeatureType.status_request in features,
    )


def path(chain: Sequence[Certificate]) -> tuple[int, ...]:
    """Positions of the certificates that lead from the first up, each issued by the next, as far as they were sent."""
    positions = [0] if chain else []
    while positions and not (last := chain[positions[-1]]).is_self_signed:
        above = (n for n, c in enumerate(chain) if c.subject_id == last.issuer_id and n not in positions)
        if (issuer := next(above, None)) is None:
            break
        positions.append(issuer)
    return tuple(positions)


def _name(name: x509.Name) -> str:
    return _part(name, NameOID.COMMON_NAME) or _part(name, NameOID.ORGANIZATION_NAME) or name.rfc4514_string()[:200]


def _part(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    found = name.get_attributes_for_oid(oid)
    return str(found[0].value)[:200] if found else ""


def _extension(certificate: x509.Certificate, kind: type[Extension]) -> Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _key(certificate: x509.Certificate) -> tuple[str, bool]:
    """The kind and size of its key in words, and whether it is too weak."""
    match certificate.public_key():
        case rsa.RSAPublicKey() as key:
            return f"RSA {key.key_size}", key.key_size < RSA_BITS
        case ec.EllipticCurvePublicKey() as key:
            return f"elliptic curve {key.curve.name}", key.curve.key_size < CURVE_BITS
        case dsa.DSAPublicKey() as key:
            return f"DSA {key.key_size}", True
        case key:
            return type(key).__name__.removesuffix("PublicKey"), False


def _signature(certificate: x509.Certificate) -> tuple[str, bool]:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return certificate.signature_algorithm_oid.dotted_string, False
    if algorithm is None:
        return "with the key's own hash", False
    return algorithm.name, algorithm.name in _WEAK_HASHES
