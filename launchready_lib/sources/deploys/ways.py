"""Pipelines, platforms and scripts that deploy, by data/deploys.yaml, and what people do by hand for each deploy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from launchready_lib.evidence import Row
from launchready_lib.sources import foreign_yaml, table

_MOST_TEXT = 512 * 1024
LINE = 1_000  # characters of a line that are looked at
Patterns = tuple[re.Pattern[str], ...]

SCRIPTS = re.compile(
    r"^(?:(?:scripts?|bin|ops|tools?|\.?ci|deploy)/)?(?:deploy|release|ship)[\w.-]*$|^(?:Capfile|fabfile\.py|Envoy\.blade\.php)$|"
    r"^(?:[Mm]akefile|justfile|Taskfile\.ya?ml|package\.json|composer\.json)$|^(?:ansible/)?(?:deploy|site)\.ya?ml$"
)
GUIDES = re.compile(
    r"(?i)^(?:[^/]+/)?(?:readme|runbook|deploy\w*|releas\w*|operations|production|hosting|contributing|development)[^/]*"
    r"\.(?:mdx?|rst|txt|adoc)$|"
    r"^(?:docs?|runbooks?|ops|wiki|\.github)/(?:.*/)?[^/]*\.(?:mdx?|rst|txt|adoc)$"
)
_MOST_STEPS = 30
_TARGET = re.compile(r"(?m)^(?:deploy|release|ship)[\w-]*\s*:|\"(?:deploy|release|ship)[\w:-]*\"\s*:\s*\"")
_SECRETIVE = re.compile(r"(?i)secret|token|password|api[-_ ]?key|credential")


@dataclass(frozen=True)
class DeployWay:
    """One way to production: a pipeline, platform, script or command, and what starts it where that is known."""

    kind: str
    name: str
    where: str
    starts: str = ""

    def row(self) -> Row:
        """The way as evidence."""
        return {"deploys_by": self.kind, "what": self.name, "where": self.where, "starts": self.starts or None}


def is_workflow(path: str) -> bool:
    """A workflow of GitHub Actions."""
    return re.search(table("deploys")["pipelines"]["GitHub Actions"], path) is not None


def is_relevant(path: str) -> bool:
    """A file that may deploy."""
    known = (table("deploys")["pipelines"], *table("deploys")["platforms"].values())
    return bool(SCRIPTS.search(path)) or any(re.search(each, path) for named in known for each in named.values())


def platforms(paths: Mapping[str, str]) -> Iterator[DeployWay]:
    """The platforms whose configuration is tracked; those that deploy by themselves are ways to production."""
    kinds = {"by_itself": ("platform", "every change of the branch"), "when_told": ("configuration", "")}
    for path in sorted(paths):
        for when, named in table("deploys")["platforms"].items():
            kind, starts = kinds[when]
            yield from (DeployWay(kind, name, path, starts) for name, each in named.items() if re.search(each, path))


def pipelines(texts: Mapping[str, str]) -> Iterator[DeployWay]:
    """Pipelines with a step that deploys."""
    for path, text in sorted(texts.items()):
        for service, pattern in table("deploys")["pipelines"].items():
            if re.search(pattern, path) and (by := deploying(_commands(text))):
                starts = _triggers(text) if service == "GitHub Actions" else ""
                yield DeployWay("pipeline", f"{service}: {by}", path, starts)


def scripts(texts: Mapping[str, str]) -> Iterator[DeployWay]:
    """Scripts and targets that deploy."""
    for path, text in sorted(texts.items()):
        if not SCRIPTS.search(path):
            continue
        name = path.rpartition("/")[2]
        listing = re.fullmatch(r"[Mm]akefile|justfile|Taskfile\.ya?ml|package\.json|composer\.json", name)
        if listing and not _TARGET.search(text):
            continue
        by = deploying(text)
        if by or not listing:
            yield DeployWay("script", by or "its own script", path)


def deploying(text: str) -> str:
    """What deploys in a text of commands; empty where nothing does."""
    code = [line for _, line in lines(text)]
    named = ((name, pattern) for name, patterns in commands() for pattern in patterns)
    return next((name for name, pattern in named if any(map(pattern.search, code))), "")


def asked_by_hand(texts: Mapping[str, str]) -> Iterator[Row]:
    """Secrets that a pipeline wants typed in when somebody starts it."""
    for path, text in sorted(texts.items()):
        if not is_workflow(path):
            continue
        started = _on(text).get("workflow_dispatch")
        inputs = started.get("inputs") if isinstance(started, dict) else None
        for name in inputs if isinstance(inputs, dict) else ():
            if _SECRETIVE.search(str(name)):
                yield {"step_by_hand": f"the input {name} is typed in for each run", "where": path}


def _commands(text: str) -> str:
    """A pipeline's text without comments and names of steps, which only talk of deploying."""
    return re.sub(r"(?m)^\s*#.*$|^\s*-?\s*name:.*$|^\s*(?:description|environment|group):.*$", "", text[:_MOST_TEXT])


def _on(text: str) -> dict[str, Any]:
    body = parsed(text)
    found = body.get("on", body.get(True))  # YAML 1.1 reads the key `on` as true
    if isinstance(found, str):
        return {found: {}}
    if isinstance(found, list):
        return {str(each): {} for each in found}
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}


def _triggers(text: str) -> str:
    said = []
    for name, more in _on(text).items():
        detail = more if isinstance(more, dict) else {}
        listed = next((key for key in ("tags", "branches") if isinstance(detail.get(key), list)), None)
        said.append(f"{name} of {listed} {', '.join(map(str, detail[listed]))[:60]}" if listed else name)
    return "; ".join(said)


def parsed(text: str) -> dict[Any, Any]:
    """YAML or JSON of a client's, or nothing."""
    if text.lstrip().startswith("{"):
        try:
            body = json.loads(text[:_MOST_TEXT])
        except (ValueError, RecursionError):
            body = None
        if isinstance(body, dict):
            return body
    return foreign_yaml.mapping(text)


def in_guide(path: str, text: str) -> Iterator[Row]:
    """Lines under headings about deploying (or in a file about it) that tell a step by hand."""
    about_file = matches("deploy_heading", re.sub(r"[-_.]", " ", path.rpartition("/")[2])) is not None
    headings: list[tuple[int, str]] = []
    shown = 0
    for number, raw in lines(text):
        line = raw.strip()
        if found := re.match(r"(#{1,6})\s+(.*)", line):
            headings = [(depth, title) for depth, title in headings if depth < len(found[1])]
            headings.append((len(found[1]), found[2]))
        elif shown < _MOST_STEPS and _concerns(headings, about_file=about_file) and matches("by_hand", line):
            if matches("not_by_hand", line):
                continue
            shown += 1
            yield {"step_by_hand": line.lstrip("-*0123456789.) ")[:200], "where": f"{path}:{number}"}


def _concerns(headings: list[tuple[int, str]], *, about_file: bool) -> bool:
    titles = [title for _, title in headings]
    if any(matches("other_heading", title) for title in titles[-2:]):
        return False
    return about_file or any(matches("deploy_heading", title) for title in titles)


def in_script(path: str, text: str) -> Iterator[Row]:
    """Values that a deploy script asks its user for, and blanks to fill in; a plain "are you sure" is none."""
    shown = 0
    for number, raw in lines(text):
        line = raw.strip()
        found = None if line.startswith(("#", "//")) else matches("asks", line)
        if found is None or shown == _MOST_STEPS:
            continue
        question = " ".join(part for part in found.groupdict().values() if part)
        if not matches("confirms", question):
            shown += 1
            yield {"step_by_hand": line[:200], "where": f"{path}:{number}"}


@cache
def commands() -> tuple[tuple[str, Patterns], ...]:
    """Name of a service or program, and what calls it."""
    return tuple((name, _compiled(patterns)) for name, patterns in table("deploys")["commands"].items())


def lines(text: str) -> Iterator[tuple[int, str]]:
    """Number and beginning of each line."""
    return ((number, line[:LINE]) for number, line in enumerate(text[:_MOST_TEXT].splitlines(), 1))


def matches(kind: str, line: str) -> re.Match[str] | None:
    """The first match of one kind's patterns in a line."""
    return next((found for pattern in _patterns(kind) if (found := pattern.search(line))), None)


@cache
def _patterns(kind: str) -> Patterns:
    return _compiled(table("deploys")[kind])


def _compiled(patterns: list[str | list[str]]) -> Patterns:
    return tuple(re.compile("".join(pattern), re.IGNORECASE) for pattern in patterns)
