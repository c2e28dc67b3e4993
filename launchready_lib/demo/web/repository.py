"""Harbor Club's source code as a git checkout with history, releases, and environment files that git ignores.

The files are in `checkout/`, with `.txt` behind each name and `dot-` for a leading dot, so that no tool takes them for
ours. What a fault adds or replaces is in `changes/`, in a folder named after it. Lines between `%% rollback` and
`%% end` tell of the way back and go where there is none; those between `%% no-rollback` and `%% end` stand there
instead.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from launchready_lib.demo.faults import FAULTS
from launchready_lib.demo.texts import DATA
from launchready_lib.record.files import FILE_MODE, private_folder, write_private

CHECKOUT = Path(__file__).parent / "checkout"
CHANGES = Path(__file__).parent / "changes"
PREVIOUS = "2026.10.4"
AUTHOR = "Harbor Club <code@harborclub.example>"
FIRST_COMMIT = 1_772_355_600
"""Seconds since 1970 of the first commit: 1 March 2026, 09:00 UTC."""
DAY = 86_400
CHANGED = {fault.check: fault.commit for fault in FAULTS.values() if fault.commit}
"""The commit with which each fault that changes tracked files came in."""
SHOWN = CHANGED.keys() | {f"secrets.{place}" for place in ("tree", "history", "chat")}
SHOWN |= {"rollback.path", "environment.missing", "environment.separated"}
"""Faults that show in the checkout, its environment files and the chat."""


@cache
def history() -> tuple[dict[str, Any], ...]:
    """The commits that are there without any fault: message, files and tag, oldest first."""
    return tuple(yaml.safe_load((DATA / "history.yaml").read_text(encoding="utf-8")))


def build(folder: Path, release: str, wrong: Collection[str]) -> None:
    """Make the checkout anew with what is `wrong` of `SHOWN`; it appears whole, in the place of the one before."""
    fresh, old = folder.with_suffix(".new"), folder.with_suffix(".old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir(parents=True)
    _git(fresh, "init", "--quiet", "--initial-branch=main")
    _git(fresh, "fast-import", "--quiet", "--done", stdin=_stream(release, wrong))
    _git(fresh, "reset", "--quiet", "--hard", "main")
    for name in ("development", "staging", "production"):
        write_private(fresh / f".env.{name}", _environment_file(name, wrong))
    _export_chat(private_folder(folder.with_name("chat")) / "slack-export.zip", pasted="secrets.chat" in wrong)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def made_up(purpose: str, length: int = 40) -> str:
    """A value that looks like a secret, always the same for one purpose, and opens nothing."""
    digest = hashlib.shake_256(f"harbor club, {purpose}".encode()).digest(length)
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz123456789"
    return "".join(letters[byte % len(letters)] for byte in digest)


def _stream(release: str, wrong: Collection[str]) -> bytes:
    """The whole history as `git fast-import` reads it."""
    parts, changes = [], "# Changes\n\n"
    commits = list(_commits(wrong))
    for number, (message, files) in enumerate(commits, start=1):
        changes += f"- {message}.\n"
        moment = FIRST_COMMIT + number * 12 * DAY
        parts += [b"commit refs/heads/main\n", b"mark :%d\n" % number]
        parts += [f"{role} {AUTHOR} {moment} +0000\n".encode() for role in ("author", "committer")]
        parts.append(_block(message))
        for name, content in (files | {"CHANGELOG.md": changes}).items():
            if content is None:
                parts.append(f"D {name}\n".encode())
            else:
                mode = "100755" if name == "deploy" else "100644"
                parts += [f"M {mode} inline {name}\n".encode(), _block(content)]
    tags = {number: commit["tag"] for number, commit in enumerate(history(), start=1) if "tag" in commit}
    for number, tag in {} if "rollback.path" in wrong else (tags | {len(commits): release}).items():
        moment = FIRST_COMMIT + number * 12 * DAY
        parts.append(f"tag {tag}\nfrom :{number}\ntagger {AUTHOR} {moment} +0000\n".encode())
        parts.append(_block(f"Release {tag}, deployed with ./deploy {tag}"))
    return b"".join([*parts, b"done\n"])


def _commits(wrong: Collection[str]) -> Iterator[tuple[str, dict[str, str | None]]]:
    """Each commit's message and files (None: deleted), oldest first."""
    way_back = "rollback.path" not in wrong
    files = _files(CHECKOUT, way_back=way_back)
    for commit in history():
        yield commit["message"], {name: files[name] for name in commit.get("files", ())}
    if "secrets.history" in wrong:
        script = f'STRIPE_SECRET_KEY="{_live_key("history")}" python3 -m harbor\n'
        yield "Try a payment by hand", {"scripts/try_payment.sh": script}
        yield "Take the key out again", {"scripts/try_payment.sh": None}
    if "secrets.tree" in wrong:
        leak = f'"""Open a checkout."""\n\nSTRIPE_SECRET_KEY = "{_live_key("tree")}"\n'
        yield "Try the payment page with the live key", {"harbor/payments.py": leak}
    for check in sorted(CHANGED.keys() & set(wrong)):
        yield CHANGED[check], dict(_files(CHANGES / check, way_back=way_back))


def _block(text: str) -> bytes:
    content = text.encode()
    return b"data %d\n%b\n" % (len(content), content)


def _files(folder: Path, *, way_back: bool) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*.txt")):
        name = path.relative_to(folder).as_posix().removesuffix(".txt").replace("dot-", ".")
        found[name] = _filled(path.read_text(encoding="utf-8"), way_back=way_back)
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


def _environment_file(name: str, wrong: Collection[str]) -> str:
    live = name == "production" or (name == "staging" and "environment.separated" in wrong)
    values = {
        "DATABASE_URL": f"postgresql://harbor:{made_up(f'{name} database', 24)}@db-{name}.internal:5432/harbor_{name}",
        "SESSION_SECRET": made_up(f"{name} session"),
        "STRIPE_SECRET_KEY": _live_key("production") if live else f"sk_test_{made_up(f'{name} payments', 24)}",
        "STRIPE_WEBHOOK_SECRET": f"whsec_{made_up(f'{name} webhook', 32)}",
        "MAIL_TOKEN": made_up(f"{name} mail", 36),
    }
    if name == "production" and "environment.missing" in wrong:
        del values["MAIL_TOKEN"]
    return "".join(f"{key}={value}\n" for key, value in values.items())


def _export_chat(file: Path, *, pasted: bool) -> None:
    """Write the chat as Slack exports it (slack.com/help/articles/220556107): one file a channel and day."""
    talk = ["Morning! The calendar is up.", "Great. I set the new webhook secret with fly secrets."]
    if pasted:
        talk.append(f"This is the key for the payment page: {_live_key('chat')}")
    said = [
        {"type": "message", "user": f"U0HARBOR{number % 2}", "text": text, "ts": f"{FIRST_COMMIT + number * 60}.000100"}
        for number, text in enumerate(talk)
    ]
    files = {"channels.json": [{"id": "C0HARBOR", "name": "general"}], "general/2026-03-01.json": said}
    fresh = file.with_suffix(".new")
    with zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), json.dumps(content))
    fresh.chmod(FILE_MODE)
    fresh.replace(file)


def _live_key(purpose: str) -> str:
    """A payment key in the provider's grammar (docs.stripe.com/keys), made up."""
    return f"sk_live_{made_up(f'{purpose} payments', 24)}"


def _git(folder: Path, *command: str, stdin: bytes | None = None) -> None:
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder)}
    environment |= dict.fromkeys(("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"), os.devnull)
    subprocess.run(["git", *command], cwd=folder, env=environment, input=stdin, check=True, capture_output=True)  # noqa: S607 - git is where it is
