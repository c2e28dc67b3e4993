"""What a client's site is made with, as far as parameters, repository and answers tell, and so which files it needs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from launchready_lib.network import Response

ALL = ("cloudflare", "nginx", "caddy", "vercel", "netlify", "nextjs", "express", "django", "rails", "laravel")
"""Every system that the kit has files for."""

_LARGEST = 200_000
# (file in the repository, what stands in it, what that means); the pattern's absence means that the file alone tells.
_FILES = (
    ("package.json", r'"next"\s*:', "nextjs"),
    ("package.json", r'"express"\s*:', "express"),
    ("manage.py", r"django", "django"),
    ("Gemfile", r"""gem ["']rails["']""", "rails"),
    ("composer.json", r'"laravel/framework"', "laravel"),
    ("vercel.json", None, "vercel"),
    ("netlify.toml", None, "netlify"),
    ("Caddyfile", None, "caddy"),
    ("nginx.conf", None, "nginx"),
)
_HEADERS = (
    ("server", r"nginx|openresty", "nginx"),
    ("server", r"\bcaddy\b", "caddy"),
    ("via", r"\bcaddy\b", "caddy"),
    ("server", r"^cloudflare$", "cloudflare"),
    ("cf-ray", r".", "cloudflare"),
    ("server", r"^vercel$", "vercel"),
    ("server", r"^netlify", "netlify"),
    ("x-powered-by", r"next\.js", "nextjs"),
    ("x-powered-by", r"^express$", "express"),
)


def used(
    *, edge: str | None, provider: str | None, repository: Path | None, answers: Iterable[Response]
) -> tuple[str, ...]:
    """The systems in use, in the order of `ALL`; all of them where nothing tells."""
    words = {(edge or "").lower(), (provider or "").lower()}
    found = {stack for stack in ALL if stack in words}
    found |= set(_in(repository)) if repository is not None else set()
    found |= {stack for answer in answers for stack in _says(answer)}
    return tuple(stack for stack in ALL if stack in found) or ALL


def _in(repository: Path) -> Iterable[str]:
    for name, pattern, stack in _FILES:
        text = _text(repository / name)
        if text is not None and (pattern is None or re.search(pattern, text, re.IGNORECASE)):
            yield stack


def _text(file: Path) -> str | None:
    try:
        if not file.is_file() or file.is_symlink():
            return None
        with file.open("rb") as opened:
            return opened.read(_LARGEST).decode("utf-8", "replace")
    except OSError:
        return None


def _says(answer: Response) -> Iterable[str]:
    for header, pattern, stack in _HEADERS:
        if any(re.search(pattern, value[:200], re.IGNORECASE) for value in answer.all(header)):
            yield stack
