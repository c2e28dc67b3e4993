"""headers.csp: an enforced Content-Security-Policy without unsafe script sources."""

from __future__ import annotations

from dataclasses import dataclass

from launchready_lib.checks import check
from launchready_lib.checks.secure_edge.headers import policy as csp
from launchready_lib.checks.secure_edge.headers.evidence import HeadersEvidence, View
from launchready_lib.evidence import Row
from launchready_lib.record.findings import Verdict, combine, failed, passed
from launchready_lib.site import web
from launchready_lib.wording import brief

HEADER = "content-security-policy"
STARTER = "default-src 'self'; script-src 'self'; object-src 'none'; base-uri 'self'; frame-ancestors 'self'"
LONGEST = 600


@dataclass(frozen=True)
class Judged:
    """What one page's policies come to."""

    policies: tuple[csp.Policy, ...]  # those in force
    reported: str  # text of one that only reports
    found: tuple[csp.Weakness, ...]  # what gets past them
    trial: tuple[csp.Weakness, ...] = ()  # what would get past the one that only reports, were it in force

    @property
    def unsafe(self) -> tuple[csp.Weakness, ...]:
        """The weaknesses that fail the check."""
        return tuple(w for w in self.found if w.unsafe)

    @property
    def is_safe(self) -> bool:
        """A policy is in force and nothing unsafe gets past it."""
        return bool(self.policies) and not self.unsafe

    @property
    def is_ready(self) -> bool:
        """The one that only reports would keep foreign script out."""
        return bool(self.reported) and not any(w.unsafe for w in self.trial)


def judge(view: View) -> Judged:
    """Read the policies of one page, from its headers and its own meta elements."""
    metas = [content for name, content in view.markup.equivalents if name == HEADER]
    policies = csp.parse_all(view.response.all(HEADER), metas)
    lines = view.response.all(f"{HEADER}-report-only")
    return Judged(policies, ", ".join(lines), csp.combined(policies), csp.combined(csp.parse_all(lines)))


@check("headers.csp")
def policy(headers: HeadersEvidence) -> Verdict:
    """Every page has a policy in force that keeps foreign script out (CSP level 3)."""
    clauses = [web.unseen(headers.unseen())] if headers.unseen() else []
    groups: dict[tuple[str, str], tuple[Judged, list[View]]] = {}
    for view in headers.seen():
        if view.is_html:
            judged = judge(view)
            key = ("; ".join(p.text for p in judged.policies), judged.reported)
            groups.setdefault(key, (judged, []))[1].append(view)
    clauses += [_clause(judged, views) for judged, views in groups.values()]
    return combine(*clauses) if clauses else web.unseen([web.NO_PAGE])


def _clause(judged: Judged, views: list[View]) -> Verdict:
    names = brief(view.title for view in views)
    row = {
        "pages": names,
        "header": "Content-Security-Policy",
        "sent": " , ".join(p.text for p in judged.policies)[:LONGEST] or "(absent)",
        "found": _found(judged.found) if judged.policies else "without one, any script runs",
    }
    if judged.reported:
        row |= {"report_only": judged.reported[:LONGEST], "report_only_found": _found(judged.trial)}
    if judged.is_safe:
        advice = [w.text for w in judged.found if w.weight == "high"]
        more = f"; one thing to add: {advice[0]}" if advice else ""
        return passed(f"{names}: a Content-Security-Policy in force keeps foreign script out{more}", evidence=[row])
    if not judged.policies:
        return _absent(judged, names, row)
    what = "; ".join(dict.fromkeys(w.text for w in judged.unsafe[:3]))
    better = csp.mended(judged.policies[0])
    fix = f"Send Content-Security-Policy: {better} (an inline script needs a nonce, or a file of its own)"
    if judged.is_ready:
        fix = f"The one that only reports is tight: {_promoted(judged)}"
    return failed(
        f"{names}: the Content-Security-Policy does not keep foreign script out: {what}",
        evidence=[row],
        fix=fix,
        about=sorted({f"{w.kind} {w.directive}" for w in judged.unsafe}),
    )


def _absent(judged: Judged, names: str, row: Row) -> Verdict:
    if judged.reported:
        summary = f"{names}: the Content-Security-Policy only reports, nothing is refused"
        unsafe = list(dict.fromkeys(w.text for w in judged.trial if w.unsafe))
        if unsafe:
            summary += f"; in force it would still let foreign script in: {'; '.join(unsafe[:3])}"
        fix = f"O{_promoted(judged)[1:]}"
    else:
        summary = f"{names}: no Content-Security-Policy"
        fix = f"Send Content-Security-Policy: {STARTER} and name the third parties that you need"
    return failed(summary, evidence=[row], fix=fix, about=["absent"])


def _found(weaknesses: tuple[csp.Weakness, ...]) -> str:
    return "; ".join(w.text for w in weaknesses)[:LONGEST] or "nothing that lets foreign script in"


def _promoted(judged: Judged) -> str:
    """What to do with the policy that only reports."""
    found = csp.parse_all([judged.reported])
    text = found[0].text if found and judged.is_ready else csp.mended(found[0]) if found else STARTER
    return f"once its reports stay quiet, send it as Content-Security-Policy: {text}"
