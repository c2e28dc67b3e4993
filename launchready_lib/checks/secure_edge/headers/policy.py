"""A Content-Security-Policy read as a browser reads it (CSP level 3), and what in it lets foreign script run.

The kinds of weakness are those of Google's csp-evaluator; what makes a policy unsafe follows MDN's HTTP Observatory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal

from launchready_lib.checks.secure_edge.headers.evidence import table
from launchready_lib.names import providers

_META_IGNORES = frozenset({"frame-ancestors", "report-uri", "sandbox"})
_NONCE = re.compile(r"'nonce-([a-z0-9+/_-]+={0,2})'", re.IGNORECASE)
_HASH = re.compile(r"'sha(256|384|512)-[a-z0-9+/_-]+={0,2}'", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:\Z", re.IGNORECASE)
_SCRIPTS = ("script-src-elem", "script-src-attr", "script-src")
_BROAD = frozenset({"data:", "http:", "https:", "ftp:"})
_BYPASSES = "csp_bypasses.yaml"


@dataclass(frozen=True)
class Weakness:
    """One hole in a policy."""

    kind: str  # csp-evaluator's name for it, or one of ours where it has none
    weight: Literal["high", "medium", "low"]  # in csp-evaluator's words
    sink: str  # what gets in through it: script, object, base, eval, plain (HTTP) or syntax
    directive: str  # where it stands
    value: str  # empty where something is missing
    text: str
    unsafe: bool  # it lets foreign script run, or the browser does not read the policy as meant


@dataclass(frozen=True)
class Policy:
    """One policy: directives in order, the first of each name (CSP3 §2.2.1); names lower case, values as written."""

    text: str
    directives: dict[str, tuple[str, ...]]
    doubled: tuple[str, ...] = ()

    def effective(self, *names: str) -> str | None:
        """The directive that governs the first of these names (a fallback chain) that stands in the policy."""
        return next((name for name in (*names, "default-src") if name in self.directives), None)

    def sources(self, directive: str) -> tuple[str, ...]:
        """The sources in force, without a 'none' beside others and what a nonce or 'strict-dynamic' overrides."""
        values = self.directives.get(directive, ())
        if len(values) > 1:
            values = tuple(v for v in values if v.lower() != "'none'")
        lowered = {v.lower() for v in values}
        if directive in (*_SCRIPTS, "default-src") and "'strict-dynamic'" in lowered:
            return tuple(v for v in values if v.startswith("'") and v.lower() not in ("'unsafe-inline'", "'self'"))
        if any(_NONCE.fullmatch(v) or _HASH.fullmatch(v) for v in values):
            return tuple(v for v in values if v.lower() != "'unsafe-inline'")
        return values


def parse(text: str, *, meta: bool = False) -> Policy:
    """Read one policy; `meta`: it stands in the page itself, where some directives do not count (CSP3 §3.3)."""
    directives: dict[str, tuple[str, ...]] = {}
    doubled = []
    for part in text.split(";"):
        name, *values = part.split() or [""]
        name = name.lower()
        if not name or (meta and name in _META_IGNORES):
            continue
        if name in directives:
            doubled.append(name)
        else:
            directives[name] = tuple(values)
    return Policy(" ".join(text.split()), directives, tuple(dict.fromkeys(doubled)))


def parse_all(headers: Iterable[str], metas: Iterable[str] = ()) -> tuple[Policy, ...]:
    """Every policy of a page: a comma in a header starts another one (RFC 9110 §5.3); all of them are in force."""
    from_headers = [parse(part) for header in headers for part in header.split(",")]
    found = [*from_headers, *(parse(content, meta=True) for content in metas)]
    return tuple(policy for policy in found if policy.directives)


def weaknesses(policy: Policy) -> tuple[Weakness, ...]:
    """What is wrong with one policy on its own."""
    ways = (_missing, _script, _objects, _base, _plain_http, _syntax)
    return tuple(dict.fromkeys(chain.from_iterable(way(policy) for way in ways)))


def combined(policies: Sequence[Policy]) -> tuple[Weakness, ...]:
    """What gets past all policies of a page: each sink is as tight as its tightest policy; bad syntax always shows."""
    if not policies:
        return ()
    each = [weaknesses(policy) for policy in policies]
    passing: list[Weakness] = []
    for sink in dict.fromkeys(w.sink for found in each for w in found):
        of_sink = [[w for w in found if w.sink == sink] for found in each]
        tightest = min(of_sink, key=lambda found: (sum(w.unsafe for w in found), len(found)))
        passing += chain.from_iterable(of_sink) if sink == "syntax" else tightest
    return tuple(dict.fromkeys(passing))


def mended(policy: Policy) -> str:
    """The same policy without what makes it unsafe; inline scripts then need a nonce or a file of their own."""
    bad = {(w.directive, w.value) for w in weaknesses(policy) if w.unsafe and w.value}
    directives = {
        name: [v for v in values if (name, v) not in bad and v.lower() != "'strict-dynamic'"]
        if any(place == name for place, _ in bad)
        else list(values)
        for name, values in policy.directives.items()
    }
    for name in bad:
        if not directives.get(name[0]):
            directives[name[0]] = ["'none'" if name[0] == "object-src" else "'self'"]
    directives.setdefault("default-src", ["'self'"])
    directives.setdefault("object-src", ["'none'"])
    directives.setdefault("base-uri", ["'self'"])
    return "; ".join(" ".join([name, *values]) for name, values in directives.items())


def _missing(policy: Policy) -> Iterator[Weakness]:
    for sink, text in (
        ("script", "nothing says where scripts may come from (no script-src or default-src)"),
        ("object", "plug-in content may come from anywhere (no object-src or default-src)"),
    ):
        if policy.effective(f"{sink}-src") is None:
            yield Weakness("MISSING_DIRECTIVES", "high", sink, f"{sink}-src", "", text, unsafe=True)


def _script(policy: Policy) -> Iterator[Weakness]:
    for directive in _script_directives(policy):
        sources = policy.sources(directive)
        lowered = {v.lower() for v in sources}
        for value in sources:
            yield from _script_source(directive, value, lowered)
        if "'strict-dynamic'" in lowered and not any(_NONCE.fullmatch(v) or _HASH.fullmatch(v) for v in sources):
            text = "'strict-dynamic' without a nonce or hash lets no script run at all"
            yield Weakness("STRICT_DYNAMIC_ALONE", "medium", "syntax", directive, "'strict-dynamic'", text, True)


def _script_source(directive: str, value: str, lowered: set[str]) -> Iterator[Weakness]:
    if known := table()["script_keywords"].get(value.lower()):
        yield Weakness(directive=directive, value=value, **known)
    elif (nonce := _NONCE.fullmatch(value)) and len(nonce[1]) < 8:
        text = "a nonce this short can be guessed"
        yield Weakness("NONCE_LENGTH", "medium", "script", directive, "'nonce-…'", text, unsafe=False)
    elif not value.startswith("'"):
        yield from _broad("script", directive, value)
        if host := _bypass(value, eval_allowed="'unsafe-eval'" in lowered):
            text = f"{value} allows {host}, where anybody can get a script of their own served"
            yield Weakness("SCRIPT_ALLOWLIST_BYPASS", "high", "script", directive, value, text, unsafe=True)


def _objects(policy: Policy) -> Iterator[Weakness]:
    directive = policy.effective("object-src")
    if directive is None:
        return
    for value in policy.sources(directive):
        yield from _broad("object", directive, value)
        if directive == "object-src" and any(_covers(value, host) for host in providers.table(_BYPASSES)["plugins"]):
            text = f"{value} serves plug-in files that can script your pages"
            yield Weakness("OBJECT_ALLOWLIST_BYPASS", "high", "object", directive, value, text, unsafe=True)


def _base(policy: Policy) -> Iterator[Weakness]:
    if "base-uri" in policy.directives:
        for value in policy.sources("base-uri"):
            yield from (replace(found, unsafe=False) for found in _broad("base", "base-uri", value))
        return
    for directive in _script_directives(policy):
        sources = policy.sources(directive)
        hashed = any(_HASH.fullmatch(v) for v in sources) and "'strict-dynamic'" in {v.lower() for v in sources}
        if hashed or any(_NONCE.fullmatch(v) for v in sources):
            text = "an injected <base> leads your own scripts astray: add base-uri 'none' or 'self'"
            yield Weakness("MISSING_DIRECTIVES", "high", "base", "base-uri", "", text, unsafe=False)
            return


def _plain_http(policy: Policy) -> Iterator[Weakness]:
    for directive, values in policy.directives.items():
        for value in values:
            if value.lower().startswith("http:"):
                active = directive in table()["fetch"]
                text = f"{value} allows unencrypted {'code' if active else 'content'} in {directive}"
                yield Weakness("SRC_HTTP", "medium" if active else "low", "plain", directive, value, text, active)


def _syntax(policy: Policy) -> Iterator[Weakness]:
    known = {*table()["fetch"], *table()["other"]}
    for name in policy.doubled:
        text = f"it says {name} twice; browsers follow the first and ignore the rest"
        yield Weakness("DUPLICATE", "medium", "syntax", name, "", text, unsafe=True)
    for name, values in policy.directives.items():
        if name not in known:
            text = f"browsers know no directive {name[:40]}"
            yield Weakness("UNKNOWN_DIRECTIVE", "low", "syntax", name, "", text, unsafe=False)
        for value in values:
            if value.lower() in known:
                text = f"a semicolon is missing before {value}"
                yield Weakness("MISSING_SEMICOLON", "low", "syntax", name, value, text, unsafe=False)


def _broad(sink: str, directive: str, value: str) -> Iterator[Weakness]:
    low = value.lower()
    if low in _BROAD:
        text = f"{value} in {directive} allows every site that speaks it"
        if low == "data:":
            text = f"data: in {directive} lets the page's own text run as content"
        yield Weakness("PLAIN_URL_SCHEMES", "high", sink, directive, value, text, unsafe=True)
    elif _without_scheme(low) in ("*", "*.*"):
        text = f"{value} in {directive} allows every site"
        yield Weakness("PLAIN_WILDCARD", "high", sink, directive, value, text, unsafe=True)


def _script_directives(policy: Policy) -> tuple[str, ...]:
    chains = (policy.effective(name, "script-src") for name in _SCRIPTS)
    return tuple(dict.fromkeys(name for name in chains if name))


def _without_scheme(value: str) -> str:
    return re.sub(r"\A(?:[a-z][a-z0-9+.-]*:)?//", "", value, flags=re.IGNORECASE)


def _bypass(value: str, *, eval_allowed: bool) -> str | None:
    if _SCHEME.fullmatch(value) or "." not in value:
        return None
    known = providers.table(_BYPASSES)
    hosts = [*known["callbacks"], *known["anything_goes"], *(known["callbacks_with_eval"] if eval_allowed else ())]
    return next((host for host in hosts if _covers(value, host)), None)


def _covers(source: str, host: str) -> bool:
    """Whether a host source allows this host; a path in it narrows it to files that we do not know, so it does not."""
    name, _, path = _without_scheme(source.lower()).partition("/")
    name = name.partition(":")[0]
    if path:
        return False
    return host.endswith(name[1:]) and host != name[2:] if name.startswith("*.") else host == name
