"""The OCSP answer that a host sends along with its certificate, and what it says (RFC 6066 section 8, RFC 6960).

Python's ssl cannot ask for one, so a ClientHello of our own does, for TLS 1.2, where the answer travels in the clear
(RFC 5246); nothing after it is sent. A host without one is no fault: authorities may leave OCSP out, and some did.
"""

from __future__ import annotations

import datetime as dt
import secrets
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from launchready_lib.network import address_of
from launchready_lib.site.certificates import READ_ERRORS

LONGEST = 131_072  # bytes of a host's first messages that are read: certificates and the answer come to a few thousand

State = Literal["good", "revoked", "none", "stale", "invalid", "unseen"]

_HANDSHAKE = 22
_CERTIFICATE, _STATUS, _DONE = 11, 22, 14
_SUITES = (0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC009, 0xC013, 0xC00A, 0xC014, 0x009C, 0x009D, 0x002F)
_GROUPS = (0x001D, 0x0017, 0x0018)
_SIGNATURES = (0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201)
_VERSION = 0x0303


@dataclass(frozen=True)
class Staple:
    """What came along with a certificate."""

    # none was sent; stale, its time is over; invalid, its issuer did not sign it or it is about another certificate;
    # unseen, where TLS 1.2 is not spoken and it travels encrypted
    state: State
    until: dt.datetime | None = None  # when a newer one is due
    revoked: dt.datetime | None = None  # when the certificate was taken back


def hello(host: str) -> bytes:
    """A ClientHello that asks this host for its OCSP answer."""
    name = host.encode("ascii", "replace")
    extensions = (
        (b"" if address_of(host) else _extension(0, _sized(2, b"\x00" + _sized(2, name))))
        + _extension(5, b"\x01\x00\x00\x00\x00")  # status_request: ocsp, any responder, no extensions
        + _extension(10, _sized(2, _numbers(_GROUPS)))
        + _extension(11, b"\x01\x00")
        + _extension(13, _sized(2, _numbers(_SIGNATURES)))
        + _extension(23, b"")
        + _extension(0xFF01, b"\x00")
    )
    body = struct.pack(">H", _VERSION) + secrets.token_bytes(32) + b"\x00"
    body += _sized(2, _numbers(_SUITES)) + b"\x01\x00" + _sized(2, extensions)
    return b"\x16\x03\x01" + _sized(2, b"\x01" + _sized(3, body))


def _sized(width: int, content: bytes) -> bytes:
    return len(content).to_bytes(width, "big") + content


def _extension(number: int, content: bytes) -> bytes:
    return struct.pack(">H", number) + _sized(2, content)


def _numbers(numbers: tuple[int, ...]) -> bytes:
    return struct.pack(f">{len(numbers)}H", *numbers)


class Answer:
    """A host's answer as it comes in."""

    def __init__(self) -> None:
        self._records = self._messages = b""
        self._size = 0
        self.done = False  # nothing more is needed, for it is whole, is no TLS 1.2, or is too long
        self.whole = False  # its first flight came to its end
        self.certificates: tuple[bytes, ...] = ()
        self.status: bytes | None = None  # the OCSP answer as sent

    def feed(self, data: bytes) -> None:
        """Take the next bytes from the wire."""
        self._size += len(data)
        self._records += data
        if not data or self._size > LONGEST:
            self.done = True
        while not self.done and len(self._records) >= 5:
            kind, version, size = struct.unpack(">BHH", self._records[:5])
            if kind != _HANDSHAKE or version >> 8 != 3:
                self.done = True  # an alert where the two do not agree, or something else altogether
            elif len(self._records) < 5 + size:
                return
            else:
                self._messages += self._records[5 : 5 + size]
                self._records = self._records[5 + size :]
                self._read()

    def _read(self) -> None:
        while not self.done and len(self._messages) >= 4:
            size = int.from_bytes(self._messages[1:4], "big")
            if len(self._messages) < 4 + size:
                return
            kind, content = self._messages[0], self._messages[4 : 4 + size]
            self._messages = self._messages[4 + size :]
            if kind == _CERTIFICATE:
                self.certificates = tuple(_listed(content))
            elif kind == _STATUS and content[:1] == b"\x01":
                self.status = content[4 : 4 + int.from_bytes(content[1:4], "big")]
            elif kind == _DONE:
                self.done = self.whole = True


def _listed(content: bytes) -> Iterator[bytes]:
    rest = content[3 : 3 + int.from_bytes(content[:3], "big")]
    while len(rest) >= 3:
        size = int.from_bytes(rest[:3], "big")
        yield rest[3 : 3 + size]
        rest = rest[3 + size :]


def read(answer: Answer, now: dt.datetime) -> Staple:
    """What the OCSP answer says of the host's own certificate."""
    if not answer.whole:
        return Staple("unseen")
    if not answer.status:
        return Staple("none")
    with warnings.catch_warnings():  # of what RFC 5280 disallows and the parser bears
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return _read(answer.status, answer.certificates, now)


def _read(status: bytes, certificates: tuple[bytes, ...], now: dt.datetime) -> Staple:
    try:
        reply = ocsp.load_der_ocsp_response(status)
        own, *above = (x509.load_der_x509_certificate(der) for der in certificates[:10])
        if reply.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL or reply.serial_number != own.serial_number:
            return Staple("invalid")
        if not any(_signed(reply, own, issuer) for issuer in (*above, own)):
            return Staple("invalid")
        until = reply.next_update_utc
        if reply.certificate_status is ocsp.OCSPCertStatus.REVOKED:
            return Staple("revoked", until, reply.revocation_time_utc)
        if reply.certificate_status is not ocsp.OCSPCertStatus.GOOD:
            return Staple("invalid", until)
        return Staple("stale" if until is not None and until < now else "good", until)
    except READ_ERRORS:
        return Staple("invalid")


def _signed(reply: ocsp.OCSPResponse, own: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the certificate's issuer signed, or one whom it charged with that (RFC 6960 section 4.2.2.2)."""
    if not _issued(own, issuer):
        return False
    charged = [each for each in reply.certificates[:4] if _may_answer(each) and _issued(each, issuer)]
    return any(_verifies(reply, each) for each in (issuer, *charged))


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (*READ_ERRORS, InvalidSignature):
        return False
    return True


def _may_answer(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (*READ_ERRORS, x509.ExtensionNotFound):
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in usage


def _verifies(reply: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key, algorithm = signer.public_key(), reply.signature_hash_algorithm
    if algorithm is None:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(reply.signature, reply.tbs_response_bytes, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(reply.signature, reply.tbs_response_bytes, ec.ECDSA(algorithm))
        else:
            return False
    except InvalidSignature:
        return False
    return True
