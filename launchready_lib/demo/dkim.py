"""The keys with which Harbor Club's mail is signed, and the signing (RFC 6376 sections 3.6.1 and 5)."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from launchready_lib.demo import names
from launchready_lib.demo.certificates import private_pem
from launchready_lib.record.files import private_folder, write_private

_SIGNED = ("from", "to", "subject", "date", "message-id")


def make_keys(folder: Path) -> dict[str, str]:
    """Make a key for each selector, stored as `<selector>.pem` in the folder; returns selector -> DNS record text."""
    records = {}
    for selector in names.DKIM_SELECTORS:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        write_private(private_folder(folder) / f"{selector}.pem", private_pem(key))
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        public = key.public_key().public_bytes(serialization.Encoding.DER, form)
        records[selector] = f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"
    return records


def sign(message: bytes, folder: Path, selector: str) -> bytes:
    """The message with a signature before it, made with the selector's key in the folder (rsa-sha256, relaxed)."""
    key = serialization.load_pem_private_key((folder / f"{selector}.pem").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101 - `make_keys` makes no others
    head, _, body = re.sub(rb"\r?\n", b"\r\n", message).partition(b"\r\n\r\n")
    fields = {}
    for line in re.sub(rb"\r\n[ \t]+", b" ", head).split(b"\r\n"):
        name, _, value = line.partition(b":")
        fields[name.strip().lower().decode()] = re.sub(rb"[ \t]+", b" ", value).strip()
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip() for line in body.rstrip(b"\r\n").split(b"\r\n")]
    body_hash = base64.b64encode(hashlib.sha256(b"\r\n".join(lines) + b"\r\n").digest()).decode()
    signed = [field for field in _SIGNED if field in fields]
    place = f"d={names.DOMAIN}; s={selector}; h={':'.join(signed)}"
    bare = f"v=1; a=rsa-sha256; c=relaxed/relaxed; {place}; bh={body_hash}; b="
    covered = b"".join(field.encode() + b":" + fields[field] + b"\r\n" for field in signed)
    signature = key.sign(covered + b"dkim-signature:" + bare.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"DKIM-Signature: {bare}{base64.b64encode(signature).decode()}\r\n".encode() + message
