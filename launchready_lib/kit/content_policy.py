"""The Content-Security-Policy to paste: made from what the pages really load, and held against our own check.

A policy that is there already is kept as far as it is safe; where it let everything in, or where there is none, what
the pages load takes its place. Whatever comes from the site is let through only in the grammar of CSP level 3.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, urlsplit

from launchready_lib.checks.secure_edge.headers import policy
from launchready_lib.checks.secure_edge.headers.csp import judge
from launchready_lib.checks.secure_edge.headers.evidence import View
from launchready_lib.checks.secure_edge.headers.policy import Policy
from launchready_lib.kit.model import TABLES
from launchready_lib.kit.quoting import is_plain_name
from launchready_lib.record.html_events import End, Start, Text, events
from launchready_lib.site.markup import joined

HEADER = "Content-Security-Policy"
MOST_HASHES = 20
_FETCH = re.compile(
    r"(default|child|connect|font|frame|img|manifest|media|object|prefetch|script|style|worker)-src(-elem|-attr)?"
)
_LISTS = frozenset({"base-uri", "form-action", "frame-ancestors"})
_OTHERS = frozenset({"report-uri", "report-to", "sandbox"})
_BARE = frozenset({"upgrade-insecure-requests", "block-all-mixed-content"})
_KEYWORD = re.compile(
    r"'(self|none|unsafe-inline|unsafe-eval|unsafe-hashes|wasm-unsafe-eval|strict-dynamic|report-sample)'",
    re.IGNORECASE,
)
_HASH = re.compile(r"'sha(256|384|512)-[A-Za-z0-9+/_-]{20,100}={0,2}'", re.IGNORECASE)
_NONCE = re.compile(r"'nonce-[^']*'", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,30}:", re.IGNORECASE)
_HOST = re.compile(
    r"(?:[a-z][a-z0-9+.-]{0,30}://)?(?:\*|(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){0,20})(?::(?:\d{1,5}|\*))?"
    r"(?:/[A-Za-z0-9/._~%@!*+=:()-]{0,300})?",
    re.IGNORECASE,
)
_ENDPOINT = re.compile(r"[A-Za-z0-9/._~%@!*+=:?&-]{1,300}")
_LONGEST = 1_000_000
_MOST_LOADED = 500

Directives = dict[str, dict[str, None]]
"""Directive -> its values, in order, each once."""


@dataclass(frozen=True)
class Advised:
    """A header's value for all pages; `by_app`: only the app, which makes a nonce for each answer, can send it."""

    text: str
    by_app: bool = False
    notes: tuple[str, ...] = ()


def advised(views: Iterable[View], *, framing: bool, third_parties: Iterable[str] = ()) -> Advised | None:
    """The policy for these pages, None where none is HTML; `framing`: frame-ancestors is to be closed to others."""
    pages = [view for view in views if view.is_html]
    if not pages:
        return None
    standing = [found for view in pages if (found := _standing(view)) is not None]
    directives = _union([_retained(each) for each in standing or [policy.parse(TABLES["first_policy"])]])
    opened = _opened(standing) if len(standing) == len(pages) else None
    content = [_read(view.response.text, view.response.url) for view in pages]
    for view, page in zip(pages, content, strict=True):
        named = ((directive, _source(address, view.response.url)) for directive, address in page.sources)
        _add(directives, ((directive, source) for directive, source in named if source), opened)
    hashes = list(dict.fromkeys(each for page in content for each in page.hashes))
    if opened is None or "script-src" in opened:
        _add(directives, (("script-src", each) for each in hashes[:MOST_HASHES]), None)
    if not standing:
        _fresh(directives, content, third_parties)
    directives.setdefault("object-src", {"'none'": None})
    directives.setdefault("base-uri", {"'self'": None})
    if framing or "frame-ancestors" not in directives:
        directives["frame-ancestors"] = {"'self'": None}
    by_app = any(_NONCE.fullmatch(v) for each in standing for values in each.directives.values() for v in values)
    if by_app:
        directives.setdefault("script-src", {"'self'": None})["'nonce-{nonce}'"] = None
    found = policy.parse("; ".join(" ".join([name, *values]) for name, values in directives.items()))
    text = policy.mended(found) if any(w.unsafe for w in policy.weaknesses(found)) else found.text
    return Advised(text, by_app, tuple(_notes(content, hashes, by_app=by_app)))


def _standing(view: View) -> Policy | None:
    """The tightest policy that a page has, in force or only reporting."""
    judged = judge(view)
    policies = judged.policies or policy.parse_all([judged.reported])
    return min(policies, key=lambda p: sum(w.unsafe for w in policy.weaknesses(p)), default=None)


def _retained(standing: Policy) -> Directives:
    """What of a policy is safe and well-formed; what it never ruled on (no default-src) stays free."""
    safe = policy.parse(policy.mended(standing))
    if "default-src" not in standing.directives:
        del safe.directives["default-src"]
        safe.directives.setdefault("script-src", ("'self'",))
    found: Directives = {}
    for name, values in safe.directives.items():
        patterns = (_ENDPOINT,) if name in _OTHERS else (_KEYWORD, _HASH, _SCHEME, _HOST)
        sound = dict.fromkeys(v for v in values if any(pattern.fullmatch(v) for pattern in patterns))
        if name in _BARE or (sound and (_FETCH.fullmatch(name) or name in _LISTS | _OTHERS)):
            found[name] = sound
    return found


def _union(policies: list[Directives]) -> Directives:
    """One policy that lets each page load what its own let it: what one lacks falls back to its default-src."""
    found: Directives = {}
    for name in dict.fromkeys(name for each in policies for name in each):
        values: dict[str, None] = {}
        for each in policies:
            values |= each.get(name, each.get("default-src", {}) if _FETCH.fullmatch(name) else {})
        found[name] = {v: None for v in values if v.lower() != "'none'"} or dict.fromkeys(["'none'"] if values else [])
    return found


def _opened(policies: Iterable[Policy]) -> set[str]:
    """Directives out of which something unsafe was taken, so that what the pages load has to be named."""
    unsafe = [w for each in policies for w in policy.weaknesses(each) if w.unsafe]
    named = {w.directive for w in unsafe if w.value or w.kind == "MISSING_DIRECTIVES"}
    return named | ({"script-src"} if named & {"default-src", "script-src-elem"} else set())


def _source(address: str, page: str) -> str | None:
    """How a policy names where something lies; its whole path, where strangers can have scripts on the same host."""
    try:
        parts, own = urlsplit(address), urlsplit(page)
        host, port, same = parts.hostname or "", parts.port, (parts.hostname, parts.port) == (own.hostname, own.port)
    except ValueError:
        return None
    if parts.scheme == "data":
        return "data:"
    if parts.scheme not in ("http", "https") or not is_plain_name(host) or host.startswith("*"):
        return None
    if same:
        return "'self'"
    whole = f"https://{host}" + (f":{port}" if port and port not in (80, 443) else "")
    if any(w.kind == "SCRIPT_ALLOWLIST_BYPASS" for w in policy.weaknesses(policy.parse(f"script-src {whole}"))):
        whole += quote(parts.path, safe="/._~%@!+=:-")
    return whole if _HOST.fullmatch(whole) else None


def _add(directives: Directives, sources: Iterable[tuple[str, str]], opened: set[str] | None) -> None:
    for directive, source in sources:
        if opened is not None and directive not in opened:
            continue
        if source == "data:" and directive in ("script-src", "frame-src", "form-action"):
            continue
        fallback = {} if directive == "form-action" else directives.get("default-src", {})
        values = directives.setdefault(directive, dict(fallback))
        values.pop("'none'", None)
        values[source] = None


def _fresh(directives: Directives, content: Iterable[Loaded], third_parties: Iterable[str]) -> None:
    """Beside what the pages load: their own styles, and what a service that is needed opens and calls."""
    if any(page.has_styles for page in content):
        directives["style-src"]["'unsafe-inline'"] = None
    services = [f"https://{host}" for host in third_parties if is_plain_name(host)]
    kinds = ("script-src", "connect-src", "frame-src", "img-src")
    _add(directives, ((kind, service) for service in services for kind in kinds), None)


def _notes(content: Iterable[Loaded], hashes: list[str], *, by_app: bool) -> Iterator[str]:
    yield "what scripts load later is not in the HTML: send it as Content-Security-Policy-Report-Only for a week first"
    if hashes:
        yield "a hash lets one inline script run as it is now: a script that changes belongs into a file of its own"
    if len(hashes) > MOST_HASHES:
        yield f"only {MOST_HASHES} of {len(hashes)} inline scripts are allowed: move them into files"
    if any(page.has_handlers for page in content):
        yield "attributes such as onclick stop working: attach them in a script (addEventListener)"
    if by_app:
        yield "your app makes a nonce for every answer: change the policy there, a fixed nonce protects nothing"


@dataclass(frozen=True)
class Loaded:
    """What one page loads, as (directive, absolute address), and its inline scripts' hashes, as policies have them."""

    sources: tuple[tuple[str, str], ...] = ()
    hashes: tuple[str, ...] = ()
    has_styles: bool = False
    has_handlers: bool = False


@lru_cache(maxsize=64)
def _read(html: str, url: str) -> Loaded:
    """Read a page served from `url`; what lies beyond the first megabyte, or the parser's wits, is left out."""
    sources: dict[tuple[str, str], None] = {}
    scripts: list[str] = []
    script: list[str] | None = None
    base, has_styles, has_handlers = url, False, False
    for event in events(html[:_LONGEST]):
        match event:
            case Text(data) if script is not None:
                script.append(data)
            case End("script") if script is not None:
                scripts.append("".join(script))
                script = None
            case Start(tag, given):
                has_styles |= tag == "style" or "style" in given
                has_handlers |= any(name.startswith("on") for name in given)
                if tag == "base" and given.get("href"):
                    base = joined(base, given["href"].strip())
                elif tag == "script" and "src" not in given:
                    script = [] if given.get("type", "").strip().lower() in TABLES["script_types"] else None
                sources |= {(kind, joined(base, place)): None for kind, place in _loads(tag, given) if place}
    ran = (each.replace("\r\n", "\n").replace("\r", "\n") for each in scripts[:_MOST_LOADED] if each.strip())
    digests = (hashlib.sha256(each.encode("utf-8", "replace")).digest() for each in ran)
    hashes = tuple(dict.fromkeys(f"'sha256-{base64.b64encode(each).decode()}'" for each in digests))
    return Loaded(tuple(sources)[:_MOST_LOADED], hashes, has_styles, has_handlers)


def _loads(tag: str, given: dict[str, str]) -> Iterator[tuple[str, str]]:
    """(directive, reference) of what a start tag loads."""
    if tag in TABLES["sources"]:
        attribute, directive = TABLES["sources"][tag]
        yield directive, given.get(attribute, "").strip()
    for relation in given.get("rel", "").lower().split() if tag == "link" else ():
        preloaded = TABLES["preloaded"].get(given.get("as", "").strip().lower()) if relation == "preload" else None
        if found := preloaded or TABLES["relations"].get(relation):
            yield found, given.get("href", "").strip()
