"""The keys with which Harbor Club's mail may be signed (RFC 6376 section 3.6.1)."""

from __future__ import annotations

import base64
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from launchready_lib.demo import names
from launchready_lib.demo.files import write_private

_BITS = 2048


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
