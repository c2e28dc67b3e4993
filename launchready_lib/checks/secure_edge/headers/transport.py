"""headers.hsts: browsers stay on HTTPS by themselves, on every host (RFC 6797)."""

from __future__ import annotations

import re

from launchready_lib.checks import check
from launchready_lib.checks.secure_edge.headers.evidence import HeadersEvidence
from launchready_lib.evidence import Row, Unavailable
from launchready_lib.record.findings import Verdict, combine, failed, passed
from launchready_lib.site import web
from launchready_lib.wording import brief

SIX_MONTHS_S = 15_552_000
HEADER = "strict-transport-security"
_DAY_S = 86_400
_AGE = re.compile(r"\"?(\d+)\"?\Z")
_LINE = "Strict-Transport-Security: max-age=31536000; includeSubDomains"


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
    """Strict-Transport-Security of six months or more on every HTTPS host."""
    bad: list[Row] = []
    good: list[Row] = []
    missing: list[Unavailable] = []
    for view in headers.hosts:
        if not view.response.ok:
            why = web.why_unseen(view.url, view.response)
            missing += [why] if why else []
            continue
        values = view.response.all(HEADER)
        age = max_age(values[0]) if values else None  # browsers take the first line alone (RFC 6797 §8.1)
        row: Row = {"host": view.name, "header": "Strict-Transport-Security", "sent": ", ".join(values) or "(absent)"}
        row["means"] = _meaning(bool(values), age)
        (good if age is not None and age >= SIX_MONTHS_S else bad).append(row)
    clauses = [_failed(bad)] if bad else []
    clauses += [web.unseen(missing)] if missing else []
    clauses += headers.zone.unseen()
    if good:
        hosts = brief(row["host"] for row in good)
        clauses.append(passed(f"{hosts}: browsers keep to HTTPS for six months or more", evidence=good))
    return combine(*clauses) if clauses else web.unseen([web.NO_PAGE])


def _meaning(sent: bool, age: int | None) -> str:
    if age is None:
        return "browsers cannot read it" if sent else "a first visit may go over plain HTTP"
    return f"{age / _DAY_S:,.0f} days"


def _failed(rows: list[Row]) -> Verdict:
    hosts = brief(row["host"] for row in rows)
    absent = all(row["sent"] == "(absent)" for row in rows)
    what = "no Strict-Transport-Security" if absent else "Strict-Transport-Security does not hold for six months"
    return failed(
        f"{hosts}: {what}",
        evidence=rows,
        fix=f"Send {_LINE} on {hosts} (without includeSubDomains while a subdomain still needs plain HTTP)",
        about=[row["host"] for row in rows],
    )
