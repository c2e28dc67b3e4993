"""headers.cookies: session cookies as they are set at login (RFC 6265bis), and what they open kept for nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from launchready_lib.checks import check
from launchready_lib.checks.secure_edge.headers.evidence import HeadersEvidence, View
from launchready_lib.evidence import Row
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.wording import brief

_SESSION = re.compile(
    r"sess|sid\b|_sid|sid$|auth|token|jwt|login|remember|identity|account|user|member|connect", re.IGNORECASE
)
_ANTI_CSRF = re.compile(r"csrf|xsrf|antiforgery|authenticity|nonce|state$|^_gorilla", re.IGNORECASE)
_NOT_SESSION = re.compile(
    r"^(_ga|_gid|_gat|_fbp|_hj|_pk_|__cf|cf_|__stripe|intercom|ajs_|mp_|ph_|optimizely|awsalb|fly-|lang|locale|theme"
    r"|consent|cookie.?consent|tz|timezone|flash|notice)|_pref|popup|banner",
    re.IGNORECASE,
)
_LONG_AGO = re.compile(r"\b(19\d\d|20[01]\d)\b")
_CACHE_AGE = re.compile(r"(?:^|[,\s])(s-maxage|max-age)\s*=\s*\"?(\d{1,12})", re.IGNORECASE)
_CACHE_WORDS = re.compile(r"(?:^|,)\s*([a-z-]+)", re.IGNORECASE)
_HITS = ("cf-cache-status", "x-cache", "x-vercel-cache", "cdn-cache", "x-nf-cache-status", "x-cache-status")
_LONGEST = 1_000


class SetAtLogin(Protocol):
    """A signed-in test account, as far as its cookies go."""

    @property
    def set_cookies(self) -> Sequence[str]:
        """Raw Set-Cookie lines, from the login page on."""


@dataclass(frozen=True)
class Cookie:
    """One Set-Cookie line, without the cookie's value (RFC 6265bis §5.6)."""

    name: str
    secure: bool = False
    http_only: bool = False
    same_site: str | None = None  # as written, lower case; None where absent
    path: str | None = None
    domain: str | None = None
    partitioned: bool = False
    expired: bool = False  # it takes the cookie away
    length: int = 0  # characters of the value

    @property
    def attributes(self) -> str:
        """The line without the value."""
        parts = [f"{self.name}=…"]
        parts += [f"Domain={self.domain}"] if self.domain else []
        parts += [f"Path={self.path}"] if self.path else []
        parts += ["Secure"] if self.secure else []
        parts += ["HttpOnly"] if self.http_only else []
        parts += [f"SameSite={self.same_site.title()}"] if self.same_site is not None else []
        return "; ".join([*parts, *(["Partitioned"] if self.partitioned else [])])


def parse(line: str) -> Cookie | None:
    """Read one Set-Cookie line as a browser does; None where it would drop it. The value is not kept."""
    pair, *rest = line.split(";")
    name, has_value, value = pair.partition("=")
    name, value = (name.strip(), value.strip()) if has_value else ("", name.strip())
    if not name and not value:
        return None
    found: dict[str, str] = {}
    for attribute in rest:
        key, _, argument = attribute.partition("=")
        found[key.strip().lower()] = argument.strip()
    age = found.get("max-age", "")
    gone = age.startswith("-") or age == "0" if re.fullmatch(r"-?\d+", age) else False
    return Cookie(
        name=name,
        secure="secure" in found,
        http_only="httponly" in found,
        same_site=found["samesite"].lower() if "samesite" in found else None,
        path=found.get("path"),
        domain=found.get("domain", "").lstrip(".").lower() or None,
        partitioned="partitioned" in found,
        expired=gone or bool(_LONG_AGO.search(found.get("expires", ""))),
        length=len(value),
    )


def stored(lines: Iterable[str]) -> tuple[Cookie, ...]:
    """The cookies that remain after all lines: a later one replaces an earlier one of its name and place."""
    cookies: dict[tuple[str, str | None, str | None], Cookie] = {}
    for line in lines:
        if cookie := parse(line):
            key = (cookie.name, cookie.domain, cookie.path)
            cookies.pop(key, None)
            if not cookie.expired:
                cookies[key] = cookie
    return tuple(cookies.values())


def sessions(cookies: Iterable[Cookie]) -> tuple[Cookie, ...]:
    """Those that carry the session, by their names; where no name tells, every one that could."""
    able = [c for c in cookies if not _ANTI_CSRF.search(c.name) and not _NOT_SESSION.search(c.name)]
    named = [c for c in able if _SESSION.search(c.name)]
    return tuple(named or able)


def faults(cookie: Cookie) -> list[str]:
    """What is wrong with a session cookie."""
    name, same_site = cookie.name.lower(), cookie.same_site
    broken = not cookie.secure or cookie.domain or cookie.path != "/"
    tests = (
        (not cookie.secure, "not Secure: it travels over plain HTTP too"),
        (not cookie.http_only, "not HttpOnly: any script in the page can read it"),
        (same_site is None, "no SameSite: not every browser keeps it from requests of other sites"),
        (same_site == "none", "SameSite=None: it is sent with requests of other sites"),
        (same_site not in (None, "none", "lax", "strict"), "its SameSite value is none that browsers know"),
        (name.startswith("__host-") and broken, "__Host- needs Secure, Path=/ and no Domain, so browsers drop it"),
        (name.startswith("__secure-") and not cookie.secure, "__Secure- needs Secure, so browsers drop it"),
    )
    return [text for is_so, text in tests if is_so]


def shared_by(view: View) -> str:
    """Why a cache on the way may give an answer to somebody else; empty where none may.

    Without Cache-Control edges leave pages alone, and with Vary: Cookie a cache keeps one for each session.
    """
    response = view.response
    for name in _HITS:
        if re.search(r"\bhit\b", (response.header(name) or "")[:_LONGEST], re.IGNORECASE):
            return f"it came out of a cache ({name}: {(response.header(name) or '')[:60]})"
    control = ", ".join(response.all("cache-control"))[:_LONGEST]
    names = {name.lower() for name in _CACHE_WORDS.findall(control)}
    if names & {"private", "no-store", "no-cache"}:
        return ""
    vary = ", ".join(response.all("vary"))[:_LONGEST].lower()
    if re.search(r"(?:^|,)\s*(?:cookie|authorization|\*)\s*(?:,|$)", vary):
        return ""
    ages = {name.lower(): int(seconds) for name, seconds in _CACHE_AGE.findall(control)}
    for_shared = ages.get("s-maxage", ages.get("max-age"))
    if for_shared:
        return f"caches on the way may keep it for {for_shared} s (Cache-Control: {control[:120]})"
    return f"caches on the way may keep it (Cache-Control: {control[:120]})" if "public" in names else ""


def _private(headers: HeadersEvidence) -> Verdict | None:
    """No page or core read seen with a member's session may be given to others; None where none was seen so."""
    views = [v for v in (*headers.seen(), *headers.reads) if v.signed_in and v.response.status == 200]
    rows: list[Row] = [
        {
            "page": view.title,
            "address": view.response.url,
            "cache_control": ", ".join(view.response.all("cache-control"))[:200] or "(absent)",
            "means": shared_by(view) or "kept for nobody else",
        }
        for view in views
    ]
    bad = [(view, why) for view in views if (why := shared_by(view))]
    if bad:
        what = "; ".join(f"{view.title}: {why}" for view, why in bad[:4])
        return failed(
            f"what a member sees may reach others: {what}",
            evidence=rows,
            fix="Send Cache-Control: private, no-store with every answer that a member's session gets",
            about=[f"{view.name} shared" for view, _ in bad],
        )
    return passed("what members see is kept for nobody else", evidence=rows) if rows else None


@check("headers.cookies")
def cookies(member: SetAtLogin, headers: HeadersEvidence | None = None) -> Verdict:
    """Session cookies, as set at login, are Secure, HttpOnly and SameSite, and what they open reaches nobody else.

    The last is judged where pages seen with them are given (`headers`).
    """
    apart = _private(headers) if headers is not None else None
    return combine(_locked(member), *([apart] if apart is not None else []))


def _locked(member: SetAtLogin) -> Verdict:
    held = stored(member.set_cookies)
    session = sessions(held)
    others: list[Row] = [
        {"cookie": c.attributes, "role": "not the session", "means": ""} for c in held if c not in session
    ]
    if not session:
        return unknown(
            "login set no cookie that could hold a session, so the app keeps it elsewhere",
            needs="a look at where the app keeps its session (in local storage any script can read it)",
            evidence=others,
        )
    rows: list[Row] = [
        {"cookie": c.attributes, "role": "session", "means": "; ".join(faults(c)) or "as it should be"} for c in session
    ]
    bad = [c for c in session if faults(c)]
    if not bad:
        names = brief(c.name for c in session)
        return passed(f"{names}: Secure, HttpOnly and SameSite", evidence=[*rows, *others])
    what = "; ".join(f"{c.name}: {', '.join(faults(c))}" for c in bad)
    first = bad[0]
    name = first.name if first.name.startswith("__") else f"__Host-{first.name}"
    return failed(
        f"the session cookie is open to others: {what}",
        evidence=[*rows, *others],
        fix=f"Set-Cookie: {name}=…; Path=/; Secure; HttpOnly; SameSite=Lax",
        about=sorted(c.name for c in bad),
    )
