"""What answers should say in their headers, from what failed: the same for every server and framework."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from launchready_lib.checks.secure_edge.headers.cookies import SetAtLogin, faults, kept, sessions, shared_by
from launchready_lib.checks.secure_edge.headers.csp import judge as policies_of
from launchready_lib.checks.secure_edge.headers.evidence import HeadersEvidence, View
from launchready_lib.checks.secure_edge.headers.isolation import ADVISED, embedder, framers_of, permissions, resource
from launchready_lib.checks.secure_edge.headers.plain import told
from launchready_lib.kit import content_policy
from launchready_lib.kit.facts import Facts
from launchready_lib.kit.quoting import UnquotableError, token

HSTS_S = 31_536_000
_POPUPS = (
    "stripe.com",
    "paypal.com",
    "accounts.google.com",
    "appleid.apple.com",
    "paddle.com",
    "auth0.com",
    "clerk.com",
)
_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,80}")
"""Names that mean themselves in a regular expression, but for a dot, which means itself too."""
_PRIVATE = "send Cache-Control: private, no-store with every page that a member sees signed in: your app knows which"


@dataclass(frozen=True)
class HeaderPlan:
    """What to send, what to take away.

    Attributes:
        set: (header, value), each once.
        remove: headers that should not be sent.
        origins: the only foreign origins that may read answers with a member's cookies; empty where that is right.
        cookies: names of session cookies to lock.
        private: names of session cookies with which an answer may be kept by nobody else.
        notes: a sentence each.
        fixes: ids of the checks that it is for.
    """

    set: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    cookies: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.set or self.remove or self.origins or self.cookies or self.private)

    @property
    def hides_server(self) -> bool:
        """Whether the server that takes the plan must be silent about itself, too."""
        return "headers.disclosure" in self.fixes


def plan(
    facts: Facts,
    failures: Mapping[str, object],
    headers: HeadersEvidence | None,
    member: SetAtLogin | None,
) -> HeaderPlan:
    """The plan for what failed; an empty one where nothing did."""
    parts: list[HeaderPlan] = []
    if headers is not None:
        parts += [
            *_plain(facts, failures),
            *_policy(facts, failures, headers),
            *_removals(failures, headers),
            *_shared(facts, failures),
        ]
    if member is not None and "headers.cookies" in failures:
        parts += _cookies(member)
        if headers is not None and _reaches_others(headers):
            parts.append(_kept_apart(member))
    return HeaderPlan(
        set=tuple(dict(pair for part in parts for pair in part.set).items()),
        remove=tuple(dict.fromkeys(name for part in parts for name in part.remove)),
        origins=tuple(dict.fromkeys(origin for part in parts for origin in part.origins)),
        cookies=tuple(dict.fromkeys(name for part in parts for name in part.cookies)),
        private=tuple(dict.fromkeys(name for part in parts for name in part.private)),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        fixes=tuple(dict.fromkeys(check for part in parts for check in part.fixes)),
    )


def _plain(facts: Facts, failures: Mapping[str, object]) -> Iterator[HeaderPlan]:
    """Headers whose value does not depend on the site."""
    if "headers.hsts" in failures:
        note = "once every subdomain speaks HTTPS for good, add includeSubDomains to Strict-Transport-Security"
        yield HeaderPlan((("Strict-Transport-Security", f"max-age={HSTS_S}"),), notes=(note,), fixes=("headers.hsts",))
    if "headers.sniffing" in failures:
        yield HeaderPlan((("X-Content-Type-Options", "nosniff"),), fixes=("headers.sniffing",))
    if "headers.referrer" in failures:
        note = "a <meta name=referrer> in a page rules over the header: take it out, or give it the same value"
        value = "strict-origin-when-cross-origin"
        yield HeaderPlan((("Referrer-Policy", value),), notes=(note,), fixes=("headers.referrer",))
    if "headers.isolation" in failures:
        popups = any(host.endswith(each) for host in facts.third_parties for each in _POPUPS)
        value = "same-origin-allow-popups" if popups else "same-origin"
        yield HeaderPlan((("Cross-Origin-Opener-Policy", value),), fixes=("headers.isolation",))


def _policy(facts: Facts, failures: Mapping[str, object], headers: HeadersEvidence) -> Iterator[HeaderPlan]:
    """The Content-Security-Policy, and X-Frame-Options for who may frame the pages."""
    views = [view for view in headers.seen() if view.is_html]
    framed = "headers.framing" in failures
    if framed:
        yield HeaderPlan((("X-Frame-Options", "SAMEORIGIN"),), fixes=("headers.framing",))
    open_lists = framed and any(not framers_of(v).good and _names_framers(v) for v in views)
    if not ("headers.csp" in failures or open_lists):
        return
    advice = content_policy.advised(views, framing=framed, third_parties=facts.third_parties)
    if advice is None:
        return
    fixes = tuple(check for check in ("headers.csp", "headers.framing") if check in failures)
    if advice.by_app:
        note = f"the policy for your app to send: {advice.text}"
        yield HeaderPlan(notes=(note, *advice.notes), fixes=fixes)
    else:
        yield HeaderPlan(((content_policy.HEADER, advice.text),), notes=advice.notes, fixes=fixes)


def _names_framers(view: View) -> bool:
    return any("frame-ancestors" in each.directives for each in policies_of(view).policies)


def _removals(failures: Mapping[str, object], headers: HeadersEvidence) -> Iterator[HeaderPlan]:
    """Headers that tell versions, and isolation headers that browsers do not know."""
    views = [*headers.seen(), *headers.hosts]
    if "headers.disclosure" in failures:
        names = dict.fromkeys(_titled(name) for view in views for name, _ in told(view))
        yield HeaderPlan(remove=tuple(names), fixes=("headers.disclosure",))
    if "headers.isolation" in failures:
        wrong = [("Cross-Origin-Embedder-Policy", embedder), ("Cross-Origin-Resource-Policy", resource)]
        names = dict.fromkeys(name for name, judge in wrong for view in views if not judge(view).good)
        if any(not permissions(view).good for view in views):
            note = "where a frame of your own needs the camera or the like, name its site in Permissions-Policy"
            yield HeaderPlan((("Permissions-Policy", ADVISED),), notes=(note,), fixes=("headers.isolation",))
        yield HeaderPlan(remove=tuple(names), fixes=("headers.isolation",))


def _kept_apart(member: SetAtLogin) -> HeaderPlan:
    names = [each.name for each in sessions(kept(member.set_cookies)) if _PLAIN.fullmatch(each.name)]
    return HeaderPlan(private=tuple(names), notes=(_PRIVATE,), fixes=("headers.cookies",))


def _reaches_others(headers: HeadersEvidence) -> bool:
    return any(shared_by(view) for view in (*headers.seen(), *headers.reads) if view.signed_in)


def _titled(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _shared(facts: Facts, failures: Mapping[str, object]) -> Iterator[HeaderPlan]:
    if "headers.cors" in failures:
        yield HeaderPlan(origins=tuple(f"https://{host}" for host in facts.hosts), fixes=("headers.cors",))


def _cookies(member: SetAtLogin) -> Iterator[HeaderPlan]:
    held = sessions(kept(member.set_cookies))
    for cookie in held:
        if faults(cookie):
            try:
                yield HeaderPlan(cookies=(token(cookie.name),), fixes=("headers.cookies",))
            except UnquotableError:
                note = (
                    "a session cookie's name holds unusual characters: set Secure, HttpOnly and SameSite=Lax in the app"
                )
                yield HeaderPlan(notes=(note,), fixes=("headers.cookies",))
