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

PIPELINES = (
    ("GitHub Actions", re.compile(r"^\.github/workflows/[^/]+\.ya?ml$")),
    ("GitLab CI", re.compile(r"^\.gitlab-ci\.yml$")),
    ("CircleCI", re.compile(r"^\.circleci/config\.yml$")),
    ("Bitbucket Pipelines", re.compile(r"^bitbucket-pipelines\.yml$")),
    ("Azure Pipelines", re.compile(r"^azure-pipelines\.ya?ml$")),
)
PLATFORMS = (
    ("Vercel", re.compile(r"^(?:[^/]+/)*vercel\.json$"), True),
    ("Netlify", re.compile(r"^(?:[^/]+/)*netlify\.toml$"), True),
    ("Render", re.compile(r"^render\.ya?ml$"), True),
    ("Railway", re.compile(r"^(?:[^/]+/)*railway\.(?:json|toml)$"), True),
    ("Heroku", re.compile(r"^(?:Procfile|app\.json|heroku\.yml)$"), False),
    ("Fly", re.compile(r"^(?:[^/]+/)*fly(?:\.[\w-]+)?\.toml$"), False),
    ("Kamal", re.compile(r"^config/deploy(?:\.[\w-]+)?\.yml$"), False),
    ("Docker Compose", re.compile(r"^(?:[^/]+/)*(?:docker-)?compose(?:\.[\w-]+)?\.ya?ml$"), False),
    ("Cloudflare", re.compile(r"^(?:[^/]+/)*wrangler\.(?:toml|jsonc?)$"), False),
)
"""Name, its file, and whether the platform deploys by itself whenever the branch changes."""

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


def is_relevant(path: str) -> bool:
    """A file that may deploy."""
    return (
        bool(SCRIPTS.search(path))
        or any(p.search(path) for _, p in PIPELINES)
        or any(p.search(path) for _, p, _ in PLATFORMS)
    )


def platforms(paths: Mapping[str, str]) -> Iterator[DeployWay]:
    """The platforms whose configuration is tracked; those that deploy by themselves are ways to production."""
    for path in sorted(paths):
        for name, pattern, by_itself in PLATFORMS:
            if pattern.search(path):
                yield DeployWay(
                    "platform" if by_itself else "configuration",
                    name,
                    path,
                    "every change of the branch" if by_itself else "",
                )


def pipelines(texts: Mapping[str, str]) -> Iterator[DeployWay]:
    """Pipelines with a step that deploys."""
    for path, text in sorted(texts.items()):
        for service, pattern in PIPELINES:
            if pattern.search(path) and (by := deploying(_commands(text))):
                yield DeployWay(
                    "pipeline", f"{service}: {by}", path, _triggers(text) if service == "GitHub Actions" else ""
                )


def scripts(texts: Mapping[str, str]) -> Iterator[DeployWay]:
    """Scripts and targets that deploy."""
    for path, text in sorted(texts.items()):
        if not SCRIPTS.search(path):
            continue
        name = path.rpartition("/")[2]
        listing = name in (
            "Makefile",
            "makefile",
            "justfile",
            "Taskfile.yml",
            "Taskfile.yaml",
            "package.json",
            "composer.json",
        )
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
        if not PIPELINES[0][1].search(path):
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
        what = next(
            (
                f" of {key} {', '.join(map(str, detail[key]))[:60]}"
                for key in ("tags", "branches")
                if isinstance(detail.get(key), list)
            ),
            "",
        )
        said.append(f"{name}{what}")
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
