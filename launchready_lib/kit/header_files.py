"""What answers should say in their headers, from what failed, written for each system that the client uses."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import islice

from launchready_lib.checks.secure_edge.headers.cookies import SetAtLogin, faults, sessions, shared_by, stored
from launchready_lib.checks.secure_edge.headers.csp import judge as policies_of
from launchready_lib.checks.secure_edge.headers.evidence import HeadersEvidence
from launchready_lib.checks.secure_edge.headers.isolation import ADVISED, embedder, framers_of, permissions, resource
from launchready_lib.checks.secure_edge.headers.plain import disclosed
from launchready_lib.kit import content_policy, stacks
from launchready_lib.kit.model import TABLES
from launchready_lib.kit.quoting import UnquotableError, hcl, token
from launchready_lib.kit.stacks import Facts
from launchready_lib.wording import listed

HSTS_S = 31_536_000
_HSTS = "Strict-Transport-Security"
_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,80}")
"""Names that mean themselves in a regular expression, but for a dot, which means itself too."""
_PRIVATE = "send Cache-Control: private, no-store with every page that a member sees signed in: your app knows which"
_UNUSUAL = "a session cookie's name holds unusual characters: set Secure, HttpOnly and SameSite=Lax in the app"
_SETS_ONLY = ("vercel", "netlify")
"""Systems that cannot take a header away, nor answer by the asker's origin."""


@dataclass(frozen=True)
class HeaderPlan:
    """What to send and take away, and which session cookies to lock; answers with a `private` one are kept by nobody.

    `origins`: the only foreign ones that may read answers with a member's cookies; empty where that is right already.
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
    facts: Facts, failures: Mapping[str, object], headers: HeadersEvidence | None, member: SetAtLogin | None
) -> HeaderPlan:
    """The plan for what failed; an empty one where nothing did."""
    parts: list[HeaderPlan] = []
    if headers is not None:
        parts += [*_plain(facts, failures), *_policy(facts, failures, headers), *_removals(failures, headers)]
        if "headers.cors" in failures:
            parts.append(HeaderPlan(origins=tuple(f"https://{host}" for host in facts.hosts), fixes=("headers.cors",)))
    if member is not None and "headers.cookies" in failures:
        parts += _cookies(member, headers)
    columns = ([each for part in parts for each in getattr(part, field.name)] for field in fields(HeaderPlan))
    return HeaderPlan(*(tuple(dict.fromkeys(column)) for column in columns))


def _plain(facts: Facts, failures: Mapping[str, object]) -> Iterator[HeaderPlan]:
    """Headers whose value does not depend on the pages."""
    for check, (name, value, note) in TABLES["headers"].items():
        if check in failures:
            yield HeaderPlan(((name, value.format(hsts=HSTS_S)),), notes=(note,) if note else (), fixes=(check,))
    if "headers.isolation" in failures:
        value = (
            "same-origin-allow-popups"
            if any(h.endswith(tuple(TABLES["popups"])) for h in facts.third_parties)
            else "same-origin"
        )
        yield HeaderPlan((("Cross-Origin-Opener-Policy", value),), fixes=("headers.isolation",))


def _policy(facts: Facts, failures: Mapping[str, object], headers: HeadersEvidence) -> Iterator[HeaderPlan]:
    """The Content-Security-Policy, and X-Frame-Options for who may frame the pages."""
    views = [view for view in headers.seen() if view.is_html]
    framed = "headers.framing" in failures
    if framed:
        yield HeaderPlan((("X-Frame-Options", "SAMEORIGIN"),), fixes=("headers.framing",))
    open_lists = framed and any(
        not framers_of(view).good and any("frame-ancestors" in each.directives for each in policies_of(view).policies)
        for view in views
    )
    if not ("headers.csp" in failures or open_lists):
        return
    if advice := content_policy.advised(views, framing=framed, third_parties=facts.third_parties):
        own = f"the policy for your app to send: {advice.text}"
        yield HeaderPlan(
            () if advice.by_app else ((content_policy.HEADER, advice.text),),
            notes=(own, *advice.notes) if advice.by_app else advice.notes,
            fixes=tuple(check for check in ("headers.csp", "headers.framing") if check in failures),
        )


def _removals(failures: Mapping[str, object], headers: HeadersEvidence) -> Iterator[HeaderPlan]:
    """Headers that tell versions, and isolation headers that browsers do not know."""
    views = [*headers.seen(), *headers.hosts]
    if "headers.disclosure" in failures:
        names = tuple(string.capwords(name, "-") for view in views for name, _ in disclosed(view))
        yield HeaderPlan(remove=names, fixes=("headers.disclosure",))
    if "headers.isolation" in failures:
        wrong = [("Cross-Origin-Embedder-Policy", embedder), ("Cross-Origin-Resource-Policy", resource)]
        if any(not permissions(view).good for view in views):
            note = "where a frame of your own needs the camera or the like, name its site in Permissions-Policy"
            yield HeaderPlan((("Permissions-Policy", ADVISED),), notes=(note,))
        unknown = tuple(name for name, judge in wrong if not all(judge(view).good for view in views))
        yield HeaderPlan(remove=unknown, fixes=("headers.isolation",))


def _cookies(member: SetAtLogin, headers: HeadersEvidence | None) -> Iterator[HeaderPlan]:
    held = sessions(stored(member.set_cookies))
    for cookie in filter(faults, held):
        try:
            yield HeaderPlan(cookies=(token(cookie.name),), fixes=("headers.cookies",))
        except UnquotableError:
            yield HeaderPlan(notes=(_UNUSUAL,), fixes=("headers.cookies",))
    if headers is not None and any(shared_by(v) for v in (*headers.seen(), *headers.reads) if v.signed_in):
        names = tuple(each.name for each in held if _PLAIN.fullmatch(each.name))
        yield HeaderPlan(private=names, notes=(_PRIVATE,), fixes=("headers.cookies",))


def files(facts: Facts, plan: HeaderPlan) -> Iterator[tuple[str, str]]:
    """(name in kit/, text) of each file that the plan needs; none where it asks for nothing."""
    if not (plan or plan.notes):
        return
    named = [
        file
        for file in stacks.files("headers", facts.stacks)
        if (plan.set or file[0] not in _SETS_ONLY) and (plan.private or not file[1].endswith("-http.conf"))
    ]
    found = stacks.printed(
        "headers",
        named,
        plan=plan,
        title="Headers that keep members safe",
        hosts=listed(facts.hosts, most=20),
        hsts=HSTS_S,
        width=max((len(hcl(name)) for name in (*dict(plan.set), *plan.remove) if name != _HSTS), default=0),
    )
    yield from found if plan else islice(found, 1)
