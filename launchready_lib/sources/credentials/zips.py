"""Zip files of others: opened only where their list of members is of bearable size, since Python reads it whole."""

from __future__ import annotations

import zipfile
from typing import IO, cast

MAX_DIRECTORY_BYTES = 16 * 1024 * 1024
"""Of the list of members (APPNOTE 4.3.12); in memory it takes about eight times as much."""


class _Careful:
    """A stream that gives no more than so many bytes at once, until the archive is open."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream = stream
        self.most: int | None = most

    def read(self, size: int = -1) -> bytes:
        if self.most is None:
            return self._stream.read(size)
        content = self._stream.read(min(size, self.most + 1) if size >= 0 else self.most + 1)
        if len(content) > self.most:
            raise ValueError("the archive's list of members is too large")
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True


def open_zip(stream: IO[bytes], most: int = MAX_DIRECTORY_BYTES) -> zipfile.ZipFile:
    """Open a zip file whose list of members has at most so many bytes.

    Raises:
        ValueError: the list is larger.
        zipfile.BadZipFile: it is none, or broken.
    """
    careful = _Careful(stream, most)
    archive = zipfile.ZipFile(cast("IO[bytes]", careful))  # it needs no more than these four methods
    careful.most = None
    return archive
