"""Credentials in chat exports: one row a value, with channel and day, and nothing about who wrote it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from launchready_lib.checks import check
from launchready_lib.checks.stabilize_deployment.secrets import MOST_ROWS, cleared, exposed, known_secrets, rotation
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.record.findings import Verdict, combine, passed, unknown
from launchready_lib.sources.chats import Export, Message, read
from launchready_lib.sources.credentials import Credential, Standing, engine, structured
from launchready_lib.sources.credentials.scan import Hit, engine_hit, gathered, scan

if TYPE_CHECKING:
    from pathlib import Path

    from launchready_lib.client import Client
    from launchready_lib.parameters import Parameters

MAX_HITS = 50_000
_MESSAGE = "message"


@dataclass(frozen=True)
class ChatEvidence(Evidence):
    """What the chat exports hold.

    Attributes:
        exports: one row an export: how many messages, files of pictures and sounds, and from when to when.
        credentials: one a value, the worst first; their places are `channel, day`.
        gaps: what was not read, and why.
        engine: why the engine did not run; None where it did.
    """

    exports: tuple[Row, ...]
    credentials: tuple[Credential, ...] = ()
    gaps: tuple[Row, ...] = ()
    engine: Unavailable | None = None

    def rows(self) -> Iterator[Row]:
        """One row a value."""
        return (credential.row() for credential in self.credentials)


@probe
async def survey(client: Client) -> ChatEvidence | Unavailable:
    """Read the chat exports that the parameters name and look for credentials, on this machine only."""
    if client.parameters.authorization is None:
        return client.forbidden("build") or Unavailable("not authorized", "authorization")
    paths = client.parameters.repository.chat_exports
    if not paths:
        return Unavailable("no chat export was given", "repository.chat_exports")
    return await asyncio.to_thread(read_exports, [client.path(path) for path in paths], client.parameters)


def read_exports(paths: list[Path], parameters: Parameters) -> ChatEvidence:
    """Scan chat exports."""
    reading = _Reading([Export(f"export {number}", path) for number, path in enumerate(paths, 1)])
    hindered = engine.read(reading.files(), reading.bundles, reading.report)
    return ChatEvidence(
        exports=tuple(reading.rows),
        credentials=gathered(reading.hits, known_secrets(parameters)),
        gaps=tuple(reading.gaps),
        engine=hindered,
    )


class _Reading:
    """One pass over the exports."""

    def __init__(self, exports: list[Export]) -> None:
        self.exports = exports
        self.hits: list[Hit] = []
        self.rows: list[Row] = []
        self.gaps: list[Row] = []
        self.bundles: engine.Bundles[str] = engine.Bundles()

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Files for the engine, of many messages each; on the way our own layer reads every message."""
        for export in self.exports:
            first, last = "", ""
            for message in read(export):
                if len(self.hits) > MAX_HITS:
                    export.gaps.append(f"the rest: over {MAX_HITS} places look like credentials")
                    break
                first, last = min(first or message.date, message.date or first), max(last, message.date)
                yield from self._message(export, message)
            self.rows.append(
                {
                    "export": export.name,
                    "messages": export.messages,
                    "pictures_and_sounds": export.media,
                    "from": first or "unknown",
                    "to": last or "unknown",
                }
            )
            self.gaps += [
                {"not_read": export.name, "what": why, "times": number} for why, number in Counter(export.gaps).items()
            ]
        yield from self.bundles.rest()

    def _message(self, export: Export, message: Message) -> Iterator[tuple[str, bytes]]:
        place = f"{export.name}, {message.channel}, {message.date or 'day unknown'}"
        for hit in scan(_MESSAGE, message.text, structured.env):
            self._keep(hit, place)
        yield from self.bundles.add(f"{_MESSAGE}.txt", message.text.encode("utf-8", "replace"), place)

    def report(self, found: engine.EngineFind, place: str, line: int) -> None:
        """Take in what the engine found."""
        self._keep(engine_hit(found.value, _MESSAGE, line, found.rule, sure=found.sure), place)

    def _keep(self, hit: Hit, place: str) -> None:
        if hit.standing is not Standing.PLACEHOLDER:
            self.hits.append(replace(hit, label=place))


@check("secrets.chat")
def chat(evidence: ChatEvidence) -> Verdict:
    """No credential stands in the chat exports given."""
    gaps = [] if evidence.engine is None else [unknown(evidence.engine.reason, needs=evidence.engine.needs)]
    if evidence.gaps:
        whats = ", ".join(dict.fromkeys(str(gap["what"]) for gap in evidence.gaps))
        needs = "repository.chat_exports: whole exports as Slack, Discord, a mail program or text files give them"
        reason = f"part of the chat exports was not read: {whats}"
        gaps.append(unknown(reason, needs=needs, evidence=evidence.gaps[:MOST_ROWS]))
    elif not any(row["messages"] for row in evidence.exports):
        needs = "repository.chat_exports: exports with messages"
        gaps.append(unknown("the chat exports hold no message", needs=needs))
    return combine(_no_leak(evidence), *gaps)


def _no_leak(evidence: ChatEvidence) -> Verdict:
    leaks = [credential for credential in evidence.credentials if credential.is_leak]
    rest = [credential.row() for credential in evidence.credentials if not credential.is_leak][:MOST_ROWS]
    messages = sum(int(row["messages"]) for row in evidence.exports)
    if not leaks:
        summary = f"No live credential in {messages} messages{cleared(evidence.credentials)}"
        return passed(summary, evidence=[*evidence.exports, *rest])
    rows = [*(leak.row() for leak in leaks[:MOST_ROWS]), *evidence.exports, *rest]
    fix = f"{rotation(leaks)} Delete the messages, and hand secrets over through the password manager from now on."
    first = f", the first in {leaks[0].places[0]}"
    return exposed(leaks, f"{messages} messages", first, rows, fix=fix, hours=(0.5, 8.0))
