"""A value by itself: is it a placeholder, could it be a secret, how is it named without being shown."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter

from launchready_lib.sources.credentials.grammars import DOCUMENTED, WORDS

_NAMES = {name: re.compile(pattern) for name, pattern in WORDS["names"].items()}
_VALUES = {name: re.compile(pattern) for name, pattern in WORDS["values"].items()}


def fingerprint(value: str) -> str:
    """Eight characters that name a value in reports and in repository.known_secrets, costly to guess it from."""
    content, salt = value.encode("utf-8", "surrogatepass"), b"launchready/fingerprint/1"
    return hashlib.pbkdf2_hmac("sha256", content, salt, 20_000, dklen=4).hex()


def masked(value: str) -> str:
    """Show a value's published prefix and length, nothing more."""
    prefix = re.match(
        r"(?:[a-z]{2,8}[_-](?:live|test|secret|pat|proj|api\w*|publishable|ant)?[_-]?)|AKIA|SG\.|eyJ", value
    )
    shown = prefix[0][:14] if prefix and len(value) >= len(prefix[0]) + 12 else ""
    return f"{shown}… ({len(value)} characters)"


def entropy(value: str) -> float:
    """Shannon entropy in bits a character."""
    counts = Counter(value)
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values()) if value else 0.0


def is_placeholder(value: str) -> bool:
    """Tell whether a value only holds the place of one, or is a well-known default."""
    text = value.strip()
    if len(set(text)) <= 2 or text in DOCUMENTED or _VALUES["placeholder"].match(text[:200]):
        return True
    runs = ("0123456789", "abcdefghijklmnopqrstuvwxyz", "9876543210")
    return len(text) >= 6 and any(text.lower() in run * 8 for run in runs)


def is_reference(value: str) -> bool:
    """Tell whether a value only says where the real one is kept, or is a one-way hash."""
    return any(_VALUES[kind].match(value) for kind in ("reference", "hashed"))


def snake(name: str) -> str:
    """A setting's name in one spelling: `stripeSecretKey`, `stripe.secret-key` and `STRIPE_SECRET_KEY` are the same."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name[:200])
    return re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")


def is_secret_name(name: str) -> bool:
    """Tell whether a setting of this name holds a secret."""
    spelled = snake(name)
    return bool(_NAMES["secret"].search(spelled)) and not any(
        _NAMES[kind].search(spelled) for kind in ("public", "not_secret")
    )


def is_public_name(name: str) -> bool:
    """Tell whether a setting of this name is made to be seen."""
    return bool(_NAMES["public"].search(snake(name)))


def is_url_name(name: str) -> bool:
    """Tell whether a setting of this name holds an address, such as a database's."""
    return bool(_NAMES["address"].search(snake(name)))


def is_credible(name: str, value: str) -> bool:
    """Tell whether the value of a secret's setting can be a real one."""
    text = value.strip()
    if is_placeholder(text) or is_reference(text) or any(char.isspace() for char in text) or len(text) > 8_000:
        return False
    if "(" in text or re.fullmatch(r"https?://[^@?]*", text):
        return False
    if _NAMES["password"].search(snake(name)):
        return len(text) >= 6 and (len(text) >= 14 or not _VALUES["words"].match(text))
    if _VALUES["words"].match(text) and len(text) < 32:
        return False
    return len(text) >= 12 and entropy(text) >= 2.8
