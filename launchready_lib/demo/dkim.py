"""The keys with which Harbor Club's mail is signed, and the signing (RFC 6376 sections 3.6.1 and 5)."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from launchready_lib.demo import names
from launchready_lib.demo.files import write_private

_BITS = 2048
_SIGNED = ("from", "to", "subject", "date", "message-id")


def make_keys(folder: Path) -> dict[str, str]:
    """Make a key for each selector, kept as `<selector>.pem` in the folder; returns selector -> DNS record text."""
    return {selector: _make(folder / f"{selector}.pem") for selector in names.DKIM_SELECTORS}


def _make(file: Path) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(file, private)
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"


def sign(message: bytes, folder: Path, selector: str) -> bytes:
    """The message with a signature before it, made with the selector's key in the folder (rsa-sha256, relaxed)."""
    key = serialization.load_pem_private_key((folder / f"{selector}.pem").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101 - `make_keys` makes no others
    head, _, body = re.sub(rb"\r?\n", b"\r\n", message).partition(b"\r\n\r\n")
    fields = {name.strip().lower(): value for name, value in _fields(head)}
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip() for line in body.rstrip(b"\r\n").split(b"\r\n")]
    body_hash = base64.b64encode(hashlib.sha256(b"\r\n".join(lines) + b"\r\n").digest()).decode()
    names_signed = [name for name in _SIGNED if name.encode() in fields]
    bare = (
        f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={names.DOMAIN}; s={selector}; "
        f"h={':'.join(names_signed)}; bh={body_hash}; b="
    )
    covered = b"".join(name.encode() + b":" + fields[name.encode()] + b"\r\n" for name in names_signed)
    signature = key.sign(covered + b"dkim-signature:" + bare.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"DKIM-Signature: {bare}{base64.b64encode(signature).decode()}\r\n".encode() + message


def _fields(head: bytes) -> list[tuple[bytes, bytes]]:
    """The header fields, unfolded and with single spaces."""
    whole = re.sub(rb"\r\n[ \t]+", b" ", head)
    parts = [line.partition(b":") for line in whole.split(b"\r\n")]
    return [(name, re.sub(rb"[ \t]+", b" ", value).strip()) for name, _, value in parts]
