"""One read of one environment variable, and how much depends on it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum


class Need(IntEnum):
    """How much a read depends on the variable; the larger, the more."""

    DECLARED_OPTIONAL = 0
    """A schema says that it may be missing; other reads of it do not count against that."""
    OPTIONAL = 1
    """There is a default, or it is only compared with something."""
    TESTED = 2
    """The code asks whether it is set; other plain reads of it in that file are then behind that question."""
    ASKED = 3
    """It is read without a default."""
    DEMANDED = 4
    """The code fails without it."""


@dataclass(frozen=True)
class Read:
    """One read of one variable; `line` counts from 1."""

    name: str
    path: str
    line: int
    need: Need


_GIVEN = re.compile(
    r"(?:PORT|HOST|HOSTNAME|HOME|PATH|PWD|USER|USERNAME|LOGNAME|SHELL|TMPDIR|TEMP|TMP|TERM|LANG|LC_\w+|TZ|CI|EDITOR|DEBUG|NO_COLOR|"
    r"FORCE_COLOR|COLORTERM|NODE_ENV|NODE_OPTIONS|NEXT_RUNTIME|NEXT_PHASE|NODE_APP_INSTANCE|MODE|DEV|PROD|SSR|BASE_URL|LEGACY|"
    r"RAILS_ENV|RACK_ENV|RAILS_LOG_LEVEL|RAILS_MAX_THREADS|RAILS_SERVE_STATIC_FILES|RAILS_LOG_TO_STDOUT|WEB_CONCURRENCY|PIDFILE|BUNDLE_\w+|"
    r"BOOTSNAP_\w+|PYTHON\w+|VIRTUAL_ENV|DJANGO_SETTINGS_MODULE|APP_ENV|FLASK_\w+|GOPATH|GOROOT|GOOS|GOARCH|DYNO|HEROKU_\w+|VERCEL\w*|"
    r"NOW_\w+|NETLIFY|DEPLOY_URL|DEPLOY_PRIME_URL|CONTEXT|COMMIT_REF|FLY_\w+|PRIMARY_REGION|RENDER\w*|RAILWAY_\w+|GITHUB_\w+|GITLAB_\w+|"
    r"CI_\w+|CF_PAGES\w*|K_SERVICE|K_REVISION|AWS_LAMBDA_\w+|AWS_REGION|AWS_EXECUTION_ENV|KUBERNETES_\w+|WEBSITE_\w+|npm_\w+|XDG_\w+|"
    r"SYSTEMROOT|APPDATA|PROGRAMFILES|COMSPEC|DISPLAY|SSH_\w+|JEST_WORKER_ID|VITEST\w*|STORYBOOK\w*|PLAYWRIGHT_\w+|ANALYZE)\Z"
)


def is_given_by_platform(name: str) -> bool:
    """Set by the host, the framework or the shell, not by the founder."""
    return _GIVEN.match(name) is not None


_PUBLIC = re.compile(
    r"(?:NEXT_PUBLIC|NUXT_PUBLIC|EXPO_PUBLIC|PUBLIC|VITE|REACT_APP|VUE_APP|GATSBY|STORYBOOK|NG_APP|PARCEL_PUBLIC)_"
)


def is_for_browsers(name: str) -> bool:
    """Its prefix makes the build write its value into what every visitor's browser gets."""
    return _PUBLIC.match(name) is not None


def line_of(text: str, position: int) -> int:
    """The line (from 1) of a character."""
    return text.count("\n", 0, position) + 1
