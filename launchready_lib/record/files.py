"""Write results so that nobody else can read them, and so that they are whole or not there."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

FOLDER_MODE = 0o700
FILE_MODE = 0o600


class DiskFullError(OSError):
    """Nothing more can be written: the disk is full, or what this user may keep on it; the message names the file."""


def is_full(error: BaseException) -> bool:
    """Whether an error says that the disk is full (POSIX: ENOSPC), or a quota spent (EDQUOT)."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def private_folder(folder: Path) -> Path:
    """Make a folder, and those above it that are missing, for the owner alone."""
    for each in reversed([folder, *folder.parents]):
        if not each.is_dir():
            each.mkdir(mode=FOLDER_MODE, exist_ok=True)
    return folder


def write_private(path: Path, text: str) -> None:
    """Write a file for the owner alone: into a hidden neighbour first, which then takes its place.

    Raises `DiskFullError` where it does not fit; then what was there before stays, and nothing beside it.
    """
    neighbour = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fd = os.open(neighbour, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
        with os.fdopen(fd, "w", encoding="utf-8", errors="replace") as stream:
            stream.write(text)
        neighbour.replace(path)
    except BaseException as error:
        neighbour.unlink(missing_ok=True)
        if is_full(error):
            raise DiskFullError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from None
        raise


def close_to_others(folder: Path) -> None:
    """Take every permission of others from a folder and all in it; links are not followed."""
    for base, _, names in os.walk(folder):
        Path(base).chmod(FOLDER_MODE)
        for name in names:
            path = Path(base, name)
            if not path.is_symlink():
                path.chmod(FILE_MODE)


class InUseError(Exception):
    """Another process holds a lock."""


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, which no other process can hold meanwhile; it ends with the process, however that ends.

    Raises `InUseError` where another process holds it.
    """
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, FILE_MODE), "a") as stream:
        if sys.platform != "win32":
            os.fchmod(stream.fileno(), FILE_MODE)  # also one that a killed run left
        if not _try_lock(stream):
            raise InUseError(str(path))
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _try_lock(stream: IO[str]) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
