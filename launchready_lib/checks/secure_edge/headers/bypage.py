"""Judging one header on every page that was given, and saying which pages fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from launchready_lib.checks.secure_edge.headers.evidence import HeadersEvidence, View
from launchready_lib.record.findings import Verdict, combine, failed, passed
from launchready_lib.site import web
from launchready_lib.wording import brief


@dataclass(frozen=True)
class Word:
    """What a header comes to on one page.

    Attributes:
        good: it does what the check asks.
        sent: the header as sent; empty where absent.
        means: what that does, in a few words.
    """

    good: bool
    sent: str
    means: str


def verdict(
    headers: HeadersEvidence, judge: Callable[[View], Word], *, header: str, good: str, bad: str, fix: str
) -> Verdict:
    """Judge every HTML page seen.

    Args:
        header: the name shown.
        good, bad: what follows "home and login: " in the summary.
        fix: the exact line to send.
    """
    clauses = [web.unseen(headers.unseen())] if headers.unseen() else []
    judged = [(view, judge(view)) for view in headers.seen() if view.is_html]
    wrong = [(view, word) for view, word in judged if not word.good]
    right = [(view, word) for view, word in judged if word.good]
    if wrong:
        means = "; ".join(dict.fromkeys(word.means for _, word in wrong))
        names = [view.title for view, _ in wrong]
        rows = _rows(wrong, header)
        clauses.append(failed(f"{brief(names)}: {bad} ({means})", evidence=rows, fix=fix, about=names))
    if right:
        names = [view.title for view, _ in right]
        clauses.append(passed(f"{brief(names)}: {good}", evidence=_rows(right, header)))
    return combine(*clauses) if clauses else web.unseen([web.NO_PAGE])


def _rows(judged: Iterable[tuple[View, Word]], header: str) -> list[dict[str, str]]:
    return [
        {
            "page": view.title,
            "address": view.response.url,
            "header": header,
            "sent": word.sent[:400] or "(absent)",
            "means": word.means,
        }
        for view, word in judged
    ]


def values(view: View, header: str) -> list[str]:
    """A list header's members as a browser splits them (Fetch, "get, decode, and split")."""
    return [part.strip() for line in view.response.all(header) for part in line.split(",")]
