"""A running Harbor Club as the process that uses it sees it: start, attach, switch, stop."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Self

from launchready_lib.demo import control
from launchready_lib.demo.control import State, WorldGoneError
from launchready_lib.demo.faults import FAULTS, RELEASES, unknown
from launchready_lib.paths import PACKAGE

STATE_VARIABLE = "LAUNCHREADY_DEMO_STATE"
"""Environment variable with the state file of a world that notebooks attach to."""

_START_S = 60.0
_STOP_S = 15.0


class StartError(RuntimeError):
    """The world process ended, or kept silent, before it was ready."""


class World:
    """One running Harbor Club.

    `state_file` (mode 0600) is what `attach` takes; the values in `environment` are secrets, made anew for each world.
    """

    def __init__(self, state_file: Path, process: subprocess.Popen[bytes] | None = None) -> None:
        self.state_file = state_file
        self._state = State(**json.loads(state_file.read_text()))
        self._process = process
        self.folder = Path(self._state.folder)
        self.parameters_file = Path(self._state.parameters_file)
        self.environment: Mapping[str, str] = dict(self._state.environment)

    @property
    def faults(self) -> frozenset[str]:
        """The ids of the checks whose fault is on now."""
        return control.send(self._state, "status")

    def switch(self, check_id: str, on: bool) -> None:
        """Switch one fault; returns when every server shows it; raises `ValueError` for an unknown one."""
        _known([check_id])
        control.send(self._state, "faults", self.faults | {check_id} if on else self.faults - {check_id})

    def only(self, *check_ids: str) -> None:
        """Switch exactly these faults on; without any, all is well."""
        control.send(self._state, "faults", _known(check_ids))

    def change_records(self, zone_lines: str) -> None:
        """Change the zone as whoever runs it would: each name and type in these lines takes the place of what is there.

        Stays over switches; the next change comes on top of it, an empty text takes all back; raises `RuntimeError` for
        no zone.
        """
        control.send(self._state, "records", records=zone_lines)

    def stop_servers(self) -> None:
        """Take everything but DNS down: names resolve, connections are refused."""
        control.send(self._state, "stop_servers")

    def stop(self) -> None:
        """End the world; harmless where it has ended."""
        with contextlib.suppress(WorldGoneError):
            control.send(self._state, "stop")
        if self._process is not None:
            _end(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.stop()


def start(faults: Iterable[str] | None = None, *, folder: Path | None = None, release: str = "launch") -> World:
    """Start a world in a process that ends with this one; returns when all its servers answer.

    Default `faults`: what was wrong in this release, which production says it serves; default `folder`: a temporary
    one. Raises `ValueError` for an unknown fault, `StartError` with its last words where it did not start.
    """
    chosen = _known(RELEASES.get(release, frozenset()) if faults is None else faults)
    place = folder or Path(tempfile.mkdtemp(prefix="harbor-club-"))
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [sys.executable, "-m", "launchready_lib.demo.server", "--folder", str(place.resolve())]
    command += ["--release", release, *(f"--fault={each}" for each in sorted(chosen))]
    command += [] if folder else ["--temporary"]
    path = [str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, path))}
    with tempfile.TemporaryFile() as words:
        # a session of its own: Ctrl-C is ours to handle, and the world goes when we let it
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            env=environment,
            start_new_session=True,
        )
        state_file = _ready(process, words)
    return World(state_file, process)


def attach(state_file: str | os.PathLike[str]) -> World:
    """Use a world that another process started; raises `WorldGoneError` where it does not run."""
    try:
        world = World(Path(state_file))
    except (OSError, ValueError, TypeError) as error:
        raise WorldGoneError(f"{state_file} is not the state file of a running Harbor Club") from error
    _ = world.faults
    return world


def for_notebook() -> World:
    """The world of `client = "demo"`: that of `$LAUNCHREADY_DEMO_STATE`, else one for this process's life."""
    try:
        _ = _for_this_process().faults
    except WorldGoneError:
        _for_this_process.cache_clear()
    return _for_this_process()


@functools.cache
def _for_this_process() -> World:
    if state_file := os.environ.get(STATE_VARIABLE):
        with contextlib.suppress(WorldGoneError):
            return attach(state_file)
    world = start()
    atexit.register(world.stop)
    return world


def _known(check_ids: Iterable[str]) -> frozenset[str]:
    chosen = frozenset(check_ids)
    for each in sorted(chosen - FAULTS.keys()):
        raise ValueError(f"Harbor Club has no fault {unknown(each, FAULTS)}")
    return chosen


def _ready(process: subprocess.Popen[bytes], words: IO[bytes]) -> Path:
    assert process.stdout is not None  # noqa: S101 - Popen was given a pipe
    ready, _, _ = select.select([process.stdout], [], [], _START_S)
    line = process.stdout.readline() if ready else b""
    if line:
        return Path(json.loads(line)["state"])
    _end(process)
    words.seek(0)
    last = words.read()[-2000:].decode(errors="replace").strip()
    raise StartError(f"Harbor Club did not start: {last or 'it said nothing'}")


def _end(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
