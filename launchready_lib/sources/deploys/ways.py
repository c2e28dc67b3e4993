"""Pipelines, platforms and scripts that deploy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from launchready_lib.evidence import Row
from launchready_lib.sources import foreign_yaml
from launchready_lib.sources.deploys import words

_MOST_TEXT = 512 * 1024

SCRIPTS = re.compile(
    r"^(?:(?:scripts?|bin|ops|tools?|\.?ci|deploy)/)?(?:deploy|release|ship)[\w.-]*$|^(?:Capfile|fabfile\.py|Envoy\.blade\.php)$|"
    r"^(?:[Mm]akefile|justfile|Taskfile\.ya?ml|package\.json|composer\.json)$|^(?:ansible/)?(?:deploy|site)\.ya?ml$"
)
_TARGET = re.compile(r"(?m)^(?:deploy|release|ship)[\w-]*\s*:|\"(?:deploy|release|ship)[\w:-]*\"\s*:\s*\"")
_SECRETIVE = re.compile(r"(?i)secret|token|password|api[-_ ]?key|credential")


@dataclass(frozen=True)
class DeployWay:
    """One way to production.

    Attributes:
        kind: pipeline, platform, script or command.
        name: the service or program that does it.
        where: the file, or the parameter.
        starts: what sets it off, where that is known.
    """

    kind: str
    name: str
    where: str
    starts: str = ""

    def row(self) -> Row:
        """The way as evidence."""
        return {"deploys_by": self.kind, "what": self.name, "where": self.where, "starts": self.starts or None}


def is_workflow(path: str) -> bool:
    """A workflow of GitHub Actions."""
    return re.search(words.data()["pipelines"]["GitHub Actions"], path) is not None


def is_relevant(path: str) -> bool:
    """A file that may deploy."""
    known = (words.data()["pipelines"], *words.data()["platforms"].values())
    return bool(SCRIPTS.search(path)) or any(re.search(each, path) for named in known for each in named.values())


def platforms(paths: Mapping[str, str]) -> Iterator[DeployWay]:
    """The platforms whose configuration is tracked; those that deploy by themselves are ways to production."""
    kinds = {"by_itself": ("platform", "every change of the branch"), "when_told": ("configuration", "")}
    for path in sorted(paths):
        for when, named in words.data()["platforms"].items():
            kind, starts = kinds[when]
            yield from (DeployWay(kind, name, path, starts) for name, each in named.items() if re.search(each, path))


def pipelines(texts: Mapping[str, str]) -> Iterator[DeployWay]:
    """Pipelines with a step that deploys."""
    for path, text in sorted(texts.items()):
        for service, pattern in words.data()["pipelines"].items():
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
    code = [line for _, line in words.lines(text)]
    for name, patterns in words.commands():
        if any(pattern.search(line) for line in code for pattern in patterns):
            return name
    return ""


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
