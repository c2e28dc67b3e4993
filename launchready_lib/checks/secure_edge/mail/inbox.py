"""The inbox where test messages arrive: a Maildir or folder of .eml files, IMAP (RFC 9051), or Mailpit."""

from __future__ import annotations

import asyncio
import imaplib
import json
import os
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from launchready_lib.checks.secure_edge.mail import message
from launchready_lib.checks.secure_edge.mail.message import LARGEST
from launchready_lib.evidence import Unavailable
from launchready_lib.network import ConnectFailure, Network, Purpose

if TYPE_CHECKING:
    from launchready_lib.client import Client

_MOST_MESSAGES = 20_000
_MOST_NEW = 50
_IMAPS = 993


class InboxError(Exception):
    """The inbox cannot be read; the message says why, without anything that stands in it."""


class Inbox(Protocol):
    """Where messages arrive."""

    @property
    def pause(self) -> float:
        """Seconds to leave between two looks."""

    async def listing(self) -> frozenset[str]:
        """The messages there now, by names of the inbox's own; raises `InboxError`."""

    async def read(self, name: str) -> bytes | None:
        """One message, cut at a bound; None where it is gone. Raises `InboxError`."""


def of(client: Client) -> Inbox | Unavailable:
    """The client's inbox, or what is missing to open it."""
    given = client.parameters.mail.inbox
    if given is None:
        return Unavailable("where test messages arrive is not given", "mail.inbox (maildir, imap or mailpit)")
    if given.maildir is not None:
        folder = client.path(given.maildir)
        if not folder.is_dir():
            return Unavailable("the folder of mail.inbox.maildir does not exist", "mail.inbox.maildir")
        return Folder(folder)
    if given.imap is not None:
        password = client.secret(given.imap.password)
        if isinstance(password, Unavailable):
            return password
        return ImapInbox(client.network, given.imap.host, given.imap.user, password)
    return MailpitInbox(client.network, str(given.mailpit).rstrip("/"))


async def arrival(box: Inbox, before: Iterable[str], address: str, *, within_s: float) -> bytes | None:
    """The first message not listed `before` for an address that speaks of a password; at the end any new one, or None.

    Raises `InboxError` where the inbox cannot be read.
    """
    seen = set(before)
    other: bytes | None = None
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while True:
        for name in sorted(await box.listing() - seen)[:_MOST_NEW]:
            seen.add(name)
            raw = await box.read(name)
            if raw is None or address.lower() not in message.recipients(raw):
                continue
            if message.read(raw).about_password:
                return raw
            other = other or raw
        left = deadline - loop.time()
        if left <= 0:
            return other
        await asyncio.sleep(min(box.pause, left))


@dataclass(frozen=True)
class Folder:
    """A Maildir (`new` and `cur`), or a folder of .eml files."""

    folder: Path
    pause: float = 0.2

    async def listing(self) -> frozenset[str]:
        """The files, by path below the folder without a Maildir's flags."""
        return frozenset(await asyncio.to_thread(self._files))

    async def read(self, name: str) -> bytes | None:
        """One file."""

        def content() -> bytes | None:
            try:
                with self._files()[name].open("rb") as opened:
                    return opened.read(LARGEST)
            except (KeyError, OSError):
                return None

        return await asyncio.to_thread(content)

    def _files(self) -> dict[str, Path]:
        maildir = (self.folder / "new").is_dir()
        found: dict[str, Path] = {}
        for box in (self.folder / "new", self.folder / "cur") if maildir else (self.folder,):
            try:
                with os.scandir(box) as entries:
                    for entry in entries:
                        if len(found) >= _MOST_MESSAGES:
                            raise InboxError(f"more than {_MOST_MESSAGES} messages lie in it")
                        wanted = maildir or entry.name.lower().endswith(".eml")
                        if wanted and not entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
                            found[entry.name.partition(":")[0] if maildir else entry.name] = Path(entry.path)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise InboxError((error.strerror or "it cannot be listed").lower()) from None
        return found


@dataclass(frozen=True)
class MailpitInbox:
    """Mailpit over its HTTP interface (mailpit.axllent.org/docs/api-v1)."""

    network: Network
    url: str
    pause: float = 1.0

    async def listing(self) -> frozenset[str]:
        """The ids of the newest messages."""
        body = await self._get("/api/v1/messages?limit=100")
        try:
            listed = json.loads(body)["messages"]
            return frozenset(str(each["ID"]) for each in listed)
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InboxError("the answer is not Mailpit's") from None

    async def read(self, name: str) -> bytes | None:
        """One message, raw."""
        return await self._get(f"/api/v1/message/{quote(name, safe='')}/raw")

    async def _get(self, path: str) -> bytes:
        reply = await self.network.request(
            "GET", f"{self.url}{path}", purpose=Purpose.SERVICE, verify=True, paced=False, max_body=LARGEST
        )
        if not reply.ok or reply.status != 200:
            raise InboxError(reply.error or f"it answered {reply.status}")
        return reply.body


@dataclass(frozen=True)
class ImapInbox:
    """The INBOX of a mailbox over IMAP with TLS, only ever looked at; each look is a connection of its own."""

    network: Network
    host: str
    user: str
    password: str
    pause: float = 2.0

    def __repr__(self) -> str:
        return f"ImapInbox({self.host!r})"

    async def listing(self) -> frozenset[str]:
        """The unique ids."""
        _, found = await self._over("SEARCH", "ALL")
        ids = b" ".join(each for each in found if isinstance(each, bytes)).split()
        return frozenset(each.decode("ascii", "replace") for each in ids[-_MOST_MESSAGES:])

    async def read(self, name: str) -> bytes | None:
        """One message, left unread."""
        if not name.isdigit():
            return None
        _, parts = await self._over("FETCH", name, f"(BODY.PEEK[]<0.{LARGEST}>)")
        return next((part[1] for part in parts if isinstance(part, tuple) and isinstance(part[1], bytes)), None)

    async def _over(self, *command: str) -> tuple[str, list[Any]]:
        connected = await self.network.connect(self.host, _IMAPS, purpose=Purpose.SERVICE)
        if isinstance(connected, ConnectFailure):
            raise InboxError(f"{connected.state}: {connected.error}")
        _, strict = self.network.contexts
        try:
            return await asyncio.to_thread(self._session, connected, strict, command)
        except imaplib.IMAP4.abort:
            raise InboxError("the connection failed, or what came is not IMAP") from None
        except imaplib.IMAP4.error:
            raise InboxError("the server did not take the login, or a command") from None
        except ssl.SSLError as error:
            reason = (error.reason or "handshake failed").lower().replace("_", " ")
            raise InboxError(f"no trusted encryption ({reason})") from None
        except (OSError, EOFError, ValueError) as error:
            raise InboxError(f"the connection failed ({type(error).__name__})") from None
        finally:
            connected.close()

    def _session(self, plain: socket.socket, strict: ssl.SSLContext, command: tuple[str, ...]) -> tuple[str, list[Any]]:
        with strict.wrap_socket(plain, server_hostname=self.host) as secure:
            mailbox = _Connected(secure)
            try:
                mailbox.login(self.user, self.password)
                mailbox.select("INBOX", readonly=True)
                return mailbox.uid(*command)
            finally:
                mailbox.shutdown()


class _Connected(imaplib.IMAP4):
    """The standard library's client on a socket that the one door has opened."""

    def __init__(self, opened: ssl.SSLSocket) -> None:
        self._opened = opened
        super().__init__("", _IMAPS)

    def _create_socket(self, _timeout: float | None) -> socket.socket:
        return self._opened
