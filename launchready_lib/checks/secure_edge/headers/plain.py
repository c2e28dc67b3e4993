"""Headers that say one thing each: headers.hsts, .sniffing, .referrer, .disclosure; and judging one on every page."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from launchready_lib.checks import check
from launchready_lib.checks.secure_edge.headers.evidence import HeadersEvidence, View, table
from launchready_lib.evidence import Row, Unavailable
from launchready_lib.record.findings import Verdict, combine, failed, passed
from launchready_lib.site import web
from launchready_lib.wording import brief

SIX_MONTHS_S = 15_552_000
_DAY_S = 86_400
_AGE = re.compile(r"\"?(\d+)\"?\Z")
_PRIVATE = frozenset({"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"})
_LEAKY = frozenset({"origin", "origin-when-cross-origin", "unsafe-url", "no-referrer-when-downgrade"})
_LEGACY = {"never": "no-referrer", "default": "strict-origin-when-cross-origin", "always": "unsafe-url"}
_LONGEST = 300
_MAJOR = re.compile(r"[A-Za-z][\w.+-]* v?\d{1,3}\b")  # a product and its major version, as content systems like it
_VERSION = re.compile(r"(?:\b[A-Za-z][\w.+ ()-]*[/ ]v?\d+(?:\.\d+)+|\A\s*v?\d+(?:\.\d+)+|/\d+(?![\w.]))")


@dataclass(frozen=True)
class Word:
    """What a header comes to on one page."""

    good: bool  # it does what the check asks
    sent: str  # the header as sent; empty where absent
    means: str  # what that does, in a few words


def on_pages(headers: HeadersEvidence, name: str, judge: Callable[[View], Word]) -> Verdict:
    """Judge one header on every HTML page seen, and say which pages fail, in the words that the table has for it."""
    words = table()["on_pages"][name]
    clauses = [web.unseen(headers.unseen())] if headers.unseen() else []
    judged = [(view, judge(view)) for view in headers.seen() if view.is_html]
    for is_good in (False, True):
        found = [(view, word) for view, word in judged if word.good is is_good]
        if not found:
            continue
        names = [view.title for view, _ in found]
        rows: list[Row] = [
            {
                "page": view.title,
                "address": view.response.url,
                "header": words["header"],
                "sent": word.sent[:400] or "(absent)",
                "means": word.means,
            }
            for view, word in found
        ]
        if is_good:
            clauses.append(passed(f"{brief(names)}: {words['good']}", evidence=rows))
        else:
            means = "; ".join(dict.fromkeys(word.means for _, word in found))
            summary = f"{brief(names)}: {words['bad']} ({means})"
            clauses.append(failed(summary, evidence=rows, fix=words["fix"], about=names))
    return combine(*clauses) if clauses else web.unseen([web.NO_PAGE])


def values(view: View, header: str) -> list[str]:
    """A list header's members as a browser splits them (Fetch, "get, decode, and split")."""
    return [part.strip() for line in view.response.all(header) for part in line.split(",")]


def max_age(value: str) -> int | None:
    """Seconds for which a browser keeps to HTTPS; None where it cannot read the header (RFC 6797 §6.1)."""
    age: int | None = None
    names: set[str] = set()
    for part in value.split(";"):
        name, has_value, argument = (text.strip() for text in part.partition("="))
        name = name.lower()
        if not name and not has_value:
            continue
        if name in names or "," in part:
            return None
        names.add(name)
        if name == "max-age":
            match = _AGE.match(argument)
            if match is None or len(match[1]) > 15:
                return None
            age = int(match[1])
    return age


@check("headers.hsts")
def hsts(headers: HeadersEvidence) -> Verdict:
    """Strict-Transport-Security of six months or more on every HTTPS host (RFC 6797)."""
    bad: list[Row] = []
    good: list[Row] = []
    missing: list[Unavailable] = []
    for view in headers.hosts:
        if not view.response.ok:
            why = web.why_unseen(view.url, view.response)
            missing += [why] if why else []
            continue
        lines = view.response.all("strict-transport-security")
        age = max_age(lines[0]) if lines else None  # browsers take the first line alone (RFC 6797 §8.1)
        absent = "browsers cannot read it" if lines else "a first visit may go over plain HTTP"
        row: Row = {"host": view.name, "header": "Strict-Transport-Security", "sent": ", ".join(lines) or "(absent)"}
        row["means"] = absent if age is None else f"{age / _DAY_S:,.0f} days"
        (good if age is not None and age >= SIX_MONTHS_S else bad).append(row)
    clauses = [_not_kept(bad)] if bad else []
    clauses += [web.unseen(missing)] if missing else []
    clauses += headers.zone.unseen()
    if good:
        hosts = brief(row["host"] for row in good)
        clauses.append(passed(f"{hosts}: browsers keep to HTTPS for six months or more", evidence=good))
    return combine(*clauses) if clauses else web.unseen([web.NO_PAGE])


def _not_kept(rows: list[Row]) -> Verdict:
    hosts = brief(row["host"] for row in rows)
    absent = all(row["sent"] == "(absent)" for row in rows)
    what = "no Strict-Transport-Security" if absent else "Strict-Transport-Security does not hold for six months"
    return failed(
        f"{hosts}: {what}",
        evidence=rows,
        fix=f"Send Strict-Transport-Security: max-age=31536000; includeSubDomains on {hosts} "
        "(without includeSubDomains while a subdomain still needs plain HTTP)",
        about=[row["host"] for row in rows],
    )


def sniffing_of(view: View) -> Word:
    """Whether a browser keeps to the declared type: the first value counts (Fetch §3.6)."""
    sent = values(view, "x-content-type-options")
    good = bool(sent) and sent[0].lower() == "nosniff"
    return Word(good, ", ".join(sent), "types are taken as declared" if good else "browsers may guess a file's type")


@check("headers.sniffing")
def sniffing(headers: HeadersEvidence) -> Verdict:
    """X-Content-Type-Options: nosniff on every page."""
    return on_pages(headers, "sniffing", sniffing_of)


def referrer_of(view: View) -> Word:
    """What other sites learn of a page's address; the page's own meta element comes after the header (HTML §4.2.5)."""
    tokens = [token.lower() for token in values(view, "referrer-policy") if token]
    known = [token for token in tokens if token in _PRIVATE | _LEAKY]
    metas = [_LEGACY.get(m.strip().lower(), m.strip().lower()) for m in view.markup.referrer]
    valid_metas = [meta for meta in metas if meta in _PRIVATE | _LEAKY]
    sent = ", ".join(view.response.all("referrer-policy"))
    if metas:
        sent += f" (in the page: {', '.join(view.markup.referrer)})"
    if not tokens and not metas:
        return Word(True, sent, f"none is sent; browsers then keep to {_LEGACY['default']}")
    if not known and not valid_metas:
        return Word(False, sent, "browsers do not know this value")
    policy = valid_metas[-1] if valid_metas else known[-1]
    if policy in _PRIVATE:
        return Word(True, sent, f"{policy}: other sites do not learn the page's address")
    return Word(False, sent, f"{policy} tells other sites more than they need")


@check("headers.referrer")
def referrer(headers: HeadersEvidence) -> Verdict:
    """A Referrer-Policy in force that keeps members' addresses private, the browsers' own default included."""
    return on_pages(headers, "referrer", referrer_of)


def disclosed(view: View) -> list[tuple[str, str]]:
    """Headers of an answer that name software with its version."""
    naming = ((name, value) for name, value in view.response.headers if name in table()["software"])
    return [
        (name, value)
        for name, value in naming
        if _VERSION.search(value[:_LONGEST]) or (name != "server" and _MAJOR.match(value[:_LONGEST]))
    ]


@check("headers.disclosure")
def disclosure(headers: HeadersEvidence) -> Verdict:
    """No software version in the headers of any page or host."""
    views = [*headers.seen(), *(h for h in headers.hosts if web.why_unseen(h.url, h.response) is None)]
    clauses = [web.unseen(headers.unseen())] if headers.unseen() else []
    rows: list[Row] = [
        {"of": view.title, "address": view.response.url, "header": name, "sent": value[:200]}
        for view in views
        for name, value in disclosed(view)
    ]
    if rows:
        what = brief(f"{row['header']}: {row['sent']}" for row in rows)
        where = brief(str(row["of"]) for row in rows)
        fix = f"Remove {brief(str(row['header']) for row in rows)}, or send the name without its version"
        about = sorted({str(row["header"]) for row in rows})
        clauses.append(failed(f"{where}: the software's version is told ({what})", evidence=rows, fix=fix, about=about))
    elif views:
        seen: list[Row] = [
            {"of": view.title, "server": view.response.header("server") or "(absent)", "status": view.response.status}
            for view in views
        ]
        clauses.append(passed("no answer names software with its version", evidence=seen))
    return combine(*clauses) if clauses else web.unseen([web.NO_PAGE])
