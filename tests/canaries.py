"""Secrets that must not be seen: of 20 shapes, each spelled in more than 20 ways, and what is not promised of them."""

import base64
import html
import json
import urllib.parse

JWT = (
    "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIiwiaWF0IjoxNzAwMDAwMDAwfQ."
    "Zk3vTq8XwPz1mLr7YbNc5HsJd2GfKa9UeQo4WiVx6Rt"
)
PEM = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ7tQ2xW9vK4mZ8pR1sL6yN3
hF5jD0gB2cX8aV7eU4oT
-----END PRIVATE KEY-----"""
SHAPES = {
    "five characters": "x9!k2",
    "eight characters": "k7#Qz!2w",
    "letters and digits": "Qm4tZ8rLw2Xv",
    "token": "v8Kq-2LmX_r9TzYw4NbHc6Jd",
    "hex": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "punctuation": "p%2a&Zs\"w'o<r>d\\9;Q",
    "white space": "Tr0ub4dor and 3 h0rses",
    "Latin letters": "pässwörd-Ünï-42",
    "other scripts": "秘密の鍵は四二です🔑ключ",
    "base64": "q83vEjRWeJCrze8SNFZ4kA==",
    "JWT": JWT,
    "Stripe key": "sk_live_" + "aB3dE6gH9jK2mN5pQ8sT1vW4",
    "GitHub token": "ghp_" + "R7tY2uI9oP4aS6dF1gH8jK3lZ5xC0vB7nM2q",
    "AWS secret": "wJalrX7tnFEMI/K7MDENG/bPxRfiCY+Zq3Lp9Vt0",
    "webhook secret": "whsec_" + "Vt8Qz3Lp9Xk2Wm7Rn4Yb6Hc1",
    "database URL": "postgresql://audit:9vK4mZ8pR1sL6y@db.example/app",
    "connection string": "Server=db.internal;User Id=sa;Password=4mZ8pR1sL6yN3hF5",
    "PEM": PEM,
    "bearer": "Bearer Lr7YbNc5HsJd2GfKa9UeQo4W",
    "digits": "4929183746501827",
}
NUCLEUS = {"database URL": "9vK4mZ8pR1sL6y"}
"""The part of a shape that must not be seen, where the rest may be."""


def _every(text, size, between):
    return between.join(text[at : at + size] for at in range(0, len(text), size))


def _octets(text, form):
    return "".join(form.format(octet) for octet in text.encode())


def _units(text, form):
    raw = text.encode("utf-16-be")
    return "".join(form.format(int.from_bytes(raw[at : at + 2], "big")) for at in range(0, len(raw), 2))


SPELLINGS = {
    "plain": lambda s: s,
    "upper case": str.upper,
    "lower case": str.lower,
    "backwards": lambda s: s[::-1],
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64 behind a name": lambda s: base64.b64encode(f"user:{s}".encode()).decode(),
    "base64 for URLs": lambda s: base64.urlsafe_b64encode(f"me:{s}".encode()).decode(),
    "base64 in lines": lambda s: _every(base64.b64encode(s.encode()).decode(), 19, "\r\n"),
    "base64 of UTF-16": lambda s: base64.b64encode(s.encode("utf-16-le")).decode(),
    "hex": lambda s: s.encode().hex(),
    "percent": lambda s: urllib.parse.quote(s, safe=""),
    "percent everywhere": lambda s: _octets(s, "%{:02x}"),
    "percent twice": lambda s: urllib.parse.quote(_octets(s, "%{:02X}"), safe=""),
    "form": lambda s: urllib.parse.urlencode({"q": s})[2:],
    "JSON in JSON": lambda s: json.dumps(json.dumps(s)),
    r"\u everywhere": lambda s: _units(s, "\\u{:04x}"),
    r"\x everywhere": lambda s: _octets(s, "\\x{:02x}"),
    "HTML": html.escape,
    "decimal entities": lambda s: "".join(f"&#{ord(c)};" for c in s),
    "hex entities": lambda s: "".join(f"&#x{ord(c):04X};" for c in s),
    "split by tags": lambda s: _every(s, 3, "<b class=x></b>"),
    "split by lines": lambda s: _every(s, 4, "\n  "),
    "split by colours": lambda s: _every(s, 5, "\x1b[1;31m"),
    "quoted-printable": lambda s: _every(_octets(s, "={:02X}"), 12, "=\n"),
    "UTF-7": lambda s: s.encode("utf-7").decode(),
    "UTF-7 everywhere": lambda s: "+" + base64.b64encode(s.encode("utf-16-be")).decode().rstrip("=") + "-",
    "all but its last character": lambda s: s[:-1],
}

ONLY_ALONE = {"five characters"}
NOT_PROMISED = {
    **{(shape, how): "a weak secret is found as it is" for shape in ONLY_ALONE for how in SPELLINGS if how != "plain"},
    ("punctuation", "split by tags"): "the tags split what is an escape (%2a) in the secret itself",
    ("eight characters", "all but its last character"): "seven characters, which may stand anywhere",
}
"""Shape and spelling that may be seen, and why."""


def cases():
    """Each shape and spelling that is promised."""
    return [(shape, how) for shape in SHAPES for how in SPELLINGS if (shape, how) not in NOT_PROMISED]


CASES = cases()


def variable(shape):
    """The environment variable that holds a shape."""
    return "CANARY_" + shape.upper().replace(" ", "_")


def line(shape, how, secret):
    """What is shown of a case: its spelling between marks with its number."""
    number = CASES.index((shape, how))
    return f"⟦{number}⁞ {SPELLINGS[how](secret)} ⁞{number}⟧"


def lines(environment):
    """What a notebook shows of all cases, with the secrets of its environment."""
    return [line(shape, how, environment[variable(shape)]) for shape, how in CASES]
