"""Harbor Club's source code as a git checkout with history, releases, and environment files that git ignores.

The files are in `checkout/`, with `.txt` behind each name and `dot-` for a leading dot, so that no tool takes them for
ours. What a fault adds or replaces is in `changes/`, in a folder named after it. Lines between `%% rollback` and
`%% end` tell of the way back and go where there is none; those between `%% no-rollback` and `%% end` stand there
instead.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from launchready_lib.demo.files import write_private

CHECKOUT = Path(__file__).parent / "checkout"
CHANGES = Path(__file__).parent / "changes"
ENVIRONMENTS = ("development", "staging", "production")
PREVIOUS = "2026.10.4"
BEFORE_PREVIOUS = "2026.9.3"
AUTHOR = "Harbor Club <code@harborclub.example>"
FIRST_COMMIT = 1_772_355_600
"""Seconds since 1970 of the first commit: 1 March 2026, 09:00 UTC."""
DAY = 86_400
EXECUTABLE = {"deploy"}
HISTORY: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Say what this is", ("README.md", ".gitignore")),
    ("Answer requests", ("harbor/__init__.py", "harbor/web.py")),
    ("Read settings from the environment, and need them", ("harbor/settings.py", ".env.example")),
    ("Start with python3 -m harbor", ("harbor/__main__.py",)),
    ("Send mail through the relay", ("harbor/mail.py",)),
    ("Follow the payment provider's events", ("harbor/billing.py",)),
    ("Pin what production installs", ("requirements.in", "requirements.txt")),
    ("Pack the app with nothing but Python", ("scripts/build.py",)),
    ("Run as nobody in a container", ("Dockerfile",)),
    ("Describe the service to the host", ("fly.toml",)),
    ("Keep the calendar's order stable", ()),
    ("Show evenings in the member's own time", ()),
    ("Deploy a release by its tag", ("deploy", ".github/workflows/deploy.yml")),
    ("Write down what to do on bad days", ("docs/runbook.md",)),
    ("Write down how secrets are rotated", ("docs/rotate.md",)),
    ("Let members pause their membership", ()),
    ("Shorten the notes on the dashboard", ()),
    ("Send the reset message behind the answer", ()),
    ("Count each payment event once", ()),
    ("Sign out other devices after a new password", ()),
)
CHANGED = {
    "build.clean": "Say who packed it",
    "build.locked": "Sign links that time out",
    "environment.validated": "Start also where there is no mail",
    "deploy.repeatable": "Write down how to deploy",
    "rollback.drill": "Ask the host before a rollback",
    "overbuild.regions": "Be near everybody",
    "overbuild.caching": "Remember what was read",
    "overbuild.services": "Split the app into parts",
    "overbuild.observability": "Watch everything ourselves",
    "overbuild.queues": "Tell the other parts by messages",
    "overbuild.schema": "Keep every fact in one place only",
}
"""The commit with which each fault that changes tracked files came in."""
TAGGED = {14: BEFORE_PREVIOUS, 17: PREVIOUS}
"""Number of the commit after which an earlier release was tagged."""


@dataclass(frozen=True)
class Flaws:
    """What is wrong with the checkout.

    Attributes:
        leaked: a live payment key stands in a tracked file.
        remembered: a live payment key stood in a file that was deleted since.
        pasted: somebody pasted a live payment key into the chat.
        no_way_back: no earlier release, and no word about going back.
        undefined: production lacks a variable that the code needs.
        shared: staging and production share a live payment key.
        changed: which of `CHANGED` came in.
    """

    leaked: bool = False
    remembered: bool = False
    pasted: bool = False
    no_way_back: bool = False
    undefined: bool = False
    shared: bool = False
    changed: frozenset[str] = frozenset()


def build(folder: Path, release: str, flaws: Flaws) -> None:
    """Make the checkout anew; it appears whole, in the place of the one before."""
    fresh, old = folder.with_suffix(".new"), folder.with_suffix(".old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir(parents=True)
    _git(fresh, "init", "--quiet", "--initial-branch=main")
    _git(fresh, "fast-import", "--quiet", "--done", stdin=_stream(release, flaws))
    _git(fresh, "reset", "--quiet", "--hard", "main")
    for name in ENVIRONMENTS:
        (fresh / f".env.{name}").write_text(_environment_file(name, flaws), encoding="utf-8")
        (fresh / f".env.{name}").chmod(0o600)
    write_private(folder.with_name("chat") / "slack-export.zip", _chat(flaws))
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def made_up(purpose: str, length: int = 40) -> str:
    """A value that looks like a secret, always the same for one purpose, and opens nothing."""
    digest = hashlib.shake_256(f"harbor club, {purpose}".encode()).digest(length)
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz123456789"
    return "".join(letters[byte % len(letters)] for byte in digest)


def _stream(release: str, flaws: Flaws) -> bytes:
    """The whole history as `git fast-import` reads it."""
    parts, changes = [], "# Changes\n\n"
    commits = list(_commits(flaws))
    for number, (message, files) in enumerate(commits, start=1):
        changes += f"- {message}.\n"
        moment = FIRST_COMMIT + number * 12 * DAY
        parts += [b"commit refs/heads/main\n", b"mark :%d\n" % number]
        parts += [f"{role} {AUTHOR} {moment} +0000\n".encode() for role in ("author", "committer")]
        parts.append(_block(message.encode()))
        for name, content in files.items():
            if content is None:
                parts.append(f"D {name}\n".encode())
                continue
            parts.append(f"M {'100755' if name in EXECUTABLE else '100644'} inline {name}\n".encode())
            parts.append(_block(content))
        parts += [b"M 100644 inline CHANGELOG.md\n", _block(changes.encode())]
    tags = {} if flaws.no_way_back else {**TAGGED, len(commits): release}
    for number, tag in tags.items():
        moment = FIRST_COMMIT + number * 12 * DAY
        parts.append(f"tag {tag}\nfrom :{number}\ntagger {AUTHOR} {moment} +0000\n".encode())
        parts.append(_block(f"Release {tag}, deployed with ./deploy {tag}".encode()))
    return b"".join([*parts, b"done\n"])


def _commits(flaws: Flaws) -> Iterator[tuple[str, Mapping[str, bytes | None]]]:
    """Each commit's message and files (None: deleted), oldest first."""
    files = _files(CHECKOUT, way_back=not flaws.no_way_back)
    for message, names in HISTORY:
        yield message, {name: files[name] for name in names}
    if flaws.remembered:
        script = f'STRIPE_SECRET_KEY="{_live_key("history")}" python3 -m harbor\n'
        yield "Try a payment by hand", {"scripts/try_payment.sh": script.encode()}
        yield "Take the key out again", {"scripts/try_payment.sh": None}
    if flaws.leaked:
        leak = f'"""Open a checkout."""\n\nSTRIPE_SECRET_KEY = "{_live_key("tree")}"\n'
        yield "Try the payment page with the live key", {"harbor/payments.py": leak.encode()}
    for check in sorted(flaws.changed):
        yield CHANGED[check], _files(CHANGES / check, way_back=not flaws.no_way_back)


def _block(content: bytes) -> bytes:
    return b"data %d\n%b\n" % (len(content), content)


def _files(folder: Path, *, way_back: bool) -> dict[str, bytes]:
    found = {}
    for path in sorted(folder.rglob("*.txt")):
        name = path.relative_to(folder).as_posix().removesuffix(".txt").replace("dot-", ".")
        found[name] = _filled(path.read_text(encoding="utf-8"), way_back=way_back).encode()
    return found


def _filled(text: str, *, way_back: bool) -> str:
    dropped = "%% no-rollback" if way_back else "%% rollback"
    lines, keeping = [], True
    for line in text.splitlines(keepends=True):
        if line.startswith("%% "):
            keeping = line.strip() != dropped
        elif keeping:
            lines.append(line)
    return "".join(lines)


def _environment_file(name: str, flaws: Flaws) -> str:
    live = name == "production" or (name == "staging" and flaws.shared)
    values = {
        "DATABASE_URL": f"postgresql://harbor:{made_up(f'{name} database', 24)}@db-{name}.internal:5432/harbor_{name}",
        "SESSION_SECRET": made_up(f"{name} session"),
        "STRIPE_SECRET_KEY": _live_key("production") if live else f"sk_test_{made_up(f'{name} payments', 24)}",
        "STRIPE_WEBHOOK_SECRET": f"whsec_{made_up(f'{name} webhook', 32)}",
        "MAIL_TOKEN": made_up(f"{name} mail", 36),
    }
    if name == "production" and flaws.undefined:
        del values["MAIL_TOKEN"]
    return "".join(f"{key}={value}\n" for key, value in values.items())


def _chat(flaws: Flaws) -> bytes:
    """The chat as Slack exports it (slack.com/help/articles/220556107): one file a channel and day."""
    talk = ["Morning! The calendar is up.", "Great. I set the new webhook secret with fly secrets."]
    if flaws.pasted:
        talk.append(f"This is the key for the payment page: {_live_key('chat')}")
    said = [
        {"type": "message", "user": f"U0HARBOR{number % 2}", "text": text, "ts": f"{FIRST_COMMIT + number * 60}.000100"}
        for number, text in enumerate(talk)
    ]
    files = {"channels.json": [{"id": "C0HARBOR", "name": "general"}], "general/2026-03-01.json": said}
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), json.dumps(content))
    return body.getvalue()


def _live_key(purpose: str) -> str:
    """A payment key in the provider's grammar (docs.stripe.com/keys), made up."""
    return f"sk_live_{made_up(f'{purpose} payments', 24)}"


def _git(folder: Path, *command: str, stdin: bytes | None = None) -> None:
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
    }
    subprocess.run(["git", *command], cwd=folder, env=environment, input=stdin, check=True, capture_output=True)  # noqa: S607 - git is where it is
