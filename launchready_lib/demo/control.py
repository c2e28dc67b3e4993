"""How another process commands a world: JSON lines over a loopback port, opened by the token in the state file."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from launchready_lib.demo.faults import Switchboard

_LONGEST = 64 * 1024
_PATIENCE_S = 30.0


class WorldGoneError(ConnectionError):
    """No world answers where the state file says that one is."""


@dataclass(frozen=True)
class State:
    """What the state file (mode 0600) says of a world: process, control port and what opens it, files, variables."""

    pid: int
    port: int
    token: str = field(repr=False)
    folder: str
    parameters_file: str
    environment: dict[str, str] = field(repr=False)


Obey = Callable[[str, frozenset[str], str], Awaitable[None]]
"""Carries out an order: status, faults (exactly these are on), records (a change to the zone), stop_servers or stop."""


class Control:
    """The world's side."""

    def __init__(self, switchboard: Switchboard, obey: Obey) -> None:
        self._switchboard = switchboard
        self._obey = obey
        self._server: asyncio.Server | None = None
        self.token = secrets.token_urlsafe(24)
        self.port = 0

    async def start(self) -> None:
        """Open the port."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=_LONGEST)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port."""
        if self._server is not None:
            self._server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                reply = await self._answer(await reader.readline())
                writer.write(json.dumps(reply).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        order = json.loads(line)
        if not isinstance(order, dict) or not hmac.compare_digest(str(order.get("token")), self.token):
            return {"error": "wrong token"}
        command, faults = str(order.get("command")), frozenset(map(str, order.get("faults", ())))
        try:
            await self._obey(command, faults, str(order.get("records", "")))
        except Exception as error:  # noqa: BLE001 - the asking process must hear of it, whatever it is
            return {"error": f"{command} failed: {type(error).__name__}: {error}"}
        return {"faults": sorted(self._switchboard.faults)}


def send(state: State, command: str, faults: Iterable[str] = (), *, records: str = "") -> frozenset[str]:
    """Give an order and wait until it is carried out; returns the faults that are on.

    Raises `WorldGoneError` where nobody answers, or somebody else does; `RuntimeError` where the world could not do it.
    """
    order = {"token": state.token, "command": command, "faults": sorted(faults), "records": records}
    try:
        with socket.create_connection(("127.0.0.1", state.port), timeout=_PATIENCE_S) as connection:
            connection.sendall(json.dumps(order).encode() + b"\n")
            with connection.makefile("rb") as answer:
                reply = json.loads(answer.readline(_LONGEST))
    except (OSError, ValueError) as error:
        raise WorldGoneError(f"Harbor Club (process {state.pid}) does not answer") from error
    if not isinstance(reply, dict) or reply.get("error") == "wrong token":
        raise WorldGoneError(f"somebody else answers on Harbor Club's control port (process {state.pid})")
    if "error" in reply:
        raise RuntimeError(str(reply["error"]))
    return frozenset(reply["faults"])
