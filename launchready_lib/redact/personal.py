"""Personal data in logs, chats and mails: addresses, card and telephone numbers, secrets in passing.

Not for what DNS and registration data publish, nor what the parameters declare. Linear in the text.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re

from launchready_lib.redact.forms import mark

_NOT_LOCAL = r"\s@<>\"(),:;\[\]\\=/%?&|{}'"
# Starts only where a run of such characters starts, and never gives back: one look at each character.
_EMAIL = re.compile(rf"(?<![^{_NOT_LOCAL}])([^{_NOT_LOCAL}]++)(@|%40)([\w.-]++)")
_NUMBER_RUN = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,}+")
_PHONES = re.compile(
    r"(?<![\w+.])\+[1-9](?:[ ().-]{0,2}\d){7,14}(?!\d)"  # +44 20 7946 0958
    r"|(?<![\w.-])\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}(?![\w-]|\.\d)"  # (212) 555-0187
    r"|(?<![\w.:-])0\d{2,4}[ /-]\d{3,4}[ -]?\d{3,5}(?![\w:-]|\.\d)"  # 030 901820, 020 7946 0958
)
_ADDRESS = re.compile(r"(?<![\w:.])[0-9A-Fa-f:.]{3,}+(?![\w])")
_ASSIGNED = re.compile(
    r"(?i)(?<![a-z])((?:password|passwd|pwd|secret|token|api_?key|session(?:_?id)?|otp)[\"']?[=:][ \"']{0,2})"
    r"([^\s&;,\"'<>\[]{4,512})"
)
_CARD_LENGTHS = (16, 15, 14, 13, 19, 18, 17)


def mask(text: str) -> str:
    """Replace personal data by marks that say what stood there."""
    text = _ASSIGNED.sub(lambda m: m[1] + mark("secret"), text)
    text = _EMAIL.sub(_email, text)
    text = _NUMBER_RUN.sub(_cards, text)
    text = _ADDRESS.sub(_address, text)
    return _PHONES.sub(mark("phone"), text)


def _email(match: re.Match[str]) -> str:
    domain = match[3].rstrip(".-")
    name, dot, last = domain.rpartition(".")
    if not dot or not name or not last.isalpha() or len(last) < 2:
        return match[0]
    return mark("e-mail") + match[3][len(domain) :]


def _address(match: re.Match[str]) -> str:
    run = match[0]
    whole = run.rstrip(".") if run.endswith(("::", "::.")) else run.rstrip(".:")
    for shown in (whole, whole.partition(":")[0]):  # the second: IPv4 with a port
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(shown)
            return mark("address") + run[len(shown) :]
    return run


def luhn(digits: str) -> bool:
    """Whether the check digit is right (ISO/IEC 7812-1)."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _cards(match: re.Match[str]) -> str:
    """Mask card numbers in a run of digits: each starts and ends where a group does, and passes the check digit."""
    run = match[0]
    places = [place for place, char in enumerate(run) if char.isdigit()]
    digits = "".join(run[place] for place in places)
    kept, shown, index = [], 0, 0
    while index < len(digits):
        length = _card_at(places, digits, index)
        if not length:
            index += 1
            continue
        kept += [run[shown : places[index]], mark("card number")]
        index += length
        shown = places[index - 1] + 1
    return "".join(kept) + run[shown:]


def _card_at(places: list[int], digits: str, index: int) -> int:
    if digits[index] not in "23456" or (index and places[index] == places[index - 1] + 1):
        return 0
    for length in _CARD_LENGTHS:
        end = index + length
        if end > len(digits) or (end < len(digits) and places[end] == places[end - 1] + 1):
            continue
        if luhn(digits[index:end]):
            return length
    return 0
