"""What people have to do by hand for each deploy, as guides and scripts tell it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from launchready_lib.evidence import Row
from launchready_lib.sources.deploys import words

GUIDES = re.compile(
    r"(?i)^(?:[^/]+/)?(?:readme|runbook|deploy\w*|releas\w*|operations|production|hosting|contributing|development)[^/]*"
    r"\.(?:mdx?|rst|txt|adoc)$|"
    r"^(?:docs?|runbooks?|ops|wiki|\.github)/(?:.*/)?[^/]*\.(?:mdx?|rst|txt|adoc)$"
)
_MOST = 30


def in_guide(path: str, text: str) -> Iterator[Row]:
    """Lines under headings about deploying (or in a file about it) that tell a step by hand."""
    about_file = words.matches("deploy_heading", re.sub(r"[-_.]", " ", path.rpartition("/")[2])) is not None
    headings: list[tuple[int, str]] = []
    shown = 0
    for number, raw in words.lines(text):
        line = raw.strip()
        if found := re.match(r"(#{1,6})\s+(.*)", line):
            headings = [(depth, title) for depth, title in headings if depth < len(found[1])]
            headings.append((len(found[1]), found[2]))
        elif shown < _MOST and _concerns(headings, about_file=about_file) and _is_step(line):
            shown += 1
            yield {"step_by_hand": line.lstrip("-*0123456789.) ")[:200], "where": f"{path}:{number}"}


def _concerns(headings: list[tuple[int, str]], *, about_file: bool) -> bool:
    titles = [title for _, title in headings]
    if any(words.matches("other_heading", title) for title in titles[-2:]):
        return False
    return about_file or any(words.matches("deploy_heading", title) for title in titles)


def _is_step(line: str) -> bool:
    return words.matches("by_hand", line) is not None and words.matches("not_by_hand", line) is None


def in_script(path: str, text: str) -> Iterator[Row]:
    """Values that a deploy script asks its user for, and blanks to fill in; a plain "are you sure" is none."""
    shown = 0
    for number, raw in words.lines(text):
        line = raw.strip()
        found = None if line.startswith(("#", "//")) else words.matches("asks", line)
        if found is None or shown == _MOST:
            continue
        question = " ".join(part for part in found.groupdict().values() if part)
        if not words.matches("confirms", question):
            shown += 1
            yield {"step_by_hand": line[:200], "where": f"{path}:{number}"}
