"""Every way in which a secret may be written, one by one: for those too weak or too odd to be read out of a text."""

from __future__ import annotations

import base64
import html
import json
import re
import urllib.parse
from collections.abc import Iterator

SHORTEST, SHORTEST_FORM = 6, 8
"""Characters of a secret, and of a way to write it, from which on it is looked for inside other text."""


def spellings(secret: str) -> frozenset[str]:
    """Every way in which a secret may be written; empty for one too short to be looked for everywhere."""
    if len(secret) < SHORTEST:
        return frozenset()
    raw = secret.encode("utf-8", errors="surrogatepass")
    found = {secret, raw.hex(), raw.hex().upper(), *_percent(secret, raw), *_escaped(secret), *base64_cores(raw)}
    found |= {form for core in base64_cores(raw) for form in _percent(core, core.encode())}
    return frozenset(form for form in found if len(form) >= SHORTEST_FORM)


def base64_cores(raw: bytes) -> Iterator[str]:
    """The characters that do not depend on what stands before and after, for each place in a group of three bytes."""
    for before, skipped in ((0, 0), (1, 2), (2, 3)):
        coded = base64.b64encode(bytes(before) + raw).decode()
        core = coded[skipped : (before + len(raw)) * 8 // 6]
        yield core
        yield core.translate({43: "-", 47: "_"})


def _percent(secret: str, raw: bytes) -> Iterator[str]:
    """RFC 3986 §2.1, in both cases of its digits, forms' plus signs, twice, and of every character."""
    upper = {
        urllib.parse.quote(raw, safe=""),
        urllib.parse.quote(raw, safe="/"),
        urllib.parse.quote_plus(raw),
        urllib.parse.quote(raw, safe="!$&'()*+,;=:@/?-._~"),
        "".join(f"%{byte:02X}" for byte in raw),
    }
    upper |= {urllib.parse.quote(once, safe="") for once in upper}
    yield from upper - {secret}
    yield from (re.sub(r"%[0-9A-F]{2}", lambda digits: digits[0].lower(), each) for each in upper if each != secret)


def _escaped(secret: str) -> Iterator[str]:
    """JSON (RFC 8259 §7, with and without its optional escapes), HTML, Python's repr, and JSON within either."""
    inside = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    inside |= {each.replace("/", r"\/") for each in inside}
    careful = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&'"})
    inside |= {each.translate(careful) for each in inside}
    inside |= {re.sub(r"\\u[0-9a-f]{4}", lambda digits: r"\u" + digits[0][2:].upper(), each) for each in inside}
    inside |= {json.dumps(each)[1:-1] for each in inside}
    inside |= {repr(secret)[1:-1], secret}
    for each in inside:
        yield each
        escaped = html.escape(each)
        yield escaped
        yield escaped.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
        yield escaped.replace("&#x27;", "&apos;")
        yield html.escape(each, quote=False)
