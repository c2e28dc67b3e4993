"""What lies inside other text or files: notebook cells, base64 in settings files, members of archives.

Nothing is unpacked to the disk; sizes, counts and depth are bounded; a member's name is only a label.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import io
import json
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any, cast

MAX_MEMBERS = 500
MAX_MEMBER_BYTES = 1024 * 1024
MAX_TOTAL_BYTES = 20 * 1024 * 1024
MAX_NOTEBOOK_BYTES = 5 * 1024 * 1024
MAX_DIRECTORY_BYTES = 2 * 1024 * 1024
"""Of a zip file's list of members (APPNOTE 4.3.12), which Python reads whole; it takes about eight times as much."""

_ARCHIVE = re.compile(
    r"(?i)\.(?:zip|jar|war|whl|apk|docx|xlsx|pptx|od[st]|tar|tgz|tbz2?|txz|tar\.(?:gz|bz2|xz)|gz|bz2|xz)$"
)
_PACKED = re.compile(r"(?i)\.(?P<how>tgz|tbz2?|txz|gz|bz2|xz)$")
_ENCODED = re.compile(
    r"(?i)\.(?:ya?ml|json|env|properties|toml|tf|tfvars|tfstate|ini|cfg|conf|xml)$|(?:^|/)\.env[^/]*$"
)
_BASE64 = re.compile(
    r"(?<![0-9A-Za-z+/=_-])(?:[0-9A-Za-z+/]{40,76}\r?\n[ \t]*){0,60}"  # lines of a block
    r"[0-9A-Za-z+/]{20,4000}={0,2}(?![0-9A-Za-z+/=])"
)
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2})
_BROKEN = (
    OSError, EOFError, ValueError, KeyError, IndexError, RuntimeError, NotImplementedError, OverflowError, MemoryError,
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError,
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One piece of what lies inside; `path` is a label, which ends in a member's own name, to be judged by it.

    `line`: where it starts in the file around it, from 1; 0 where that has no meaning. `code`: it is program text.
    """

    path: str
    text: str
    line: int = 0
    code: bool = False


@dataclass(frozen=True)
class Left:
    """Something inside that was not read, and why."""

    path: str
    why: str


def is_archive(path: str) -> bool:
    """A file that holds others, or one compressed."""
    return _ARCHIVE.search(path) is not None


def inside(path: str, content: bytes) -> Iterator[Part | Left]:
    """Every text inside a file's content."""
    if is_archive(path):
        yield from _archive(path, content)
    elif path.lower().endswith(".ipynb") and len(content) <= MAX_NOTEBOOK_BYTES:
        yield from _cells(path, content)
    elif _ENCODED.search(path):
        yield from encoded(path, content.decode("utf-8", "replace"))


def encoded(path: str, text: str) -> Iterator[Part]:
    """Text that stands in base64, line breaks within it included (RFC 4648 §4, as YAML and Kubernetes write it)."""
    for found in _BASE64.finditer(text):
        token = "".join(found[0].split())
        try:
            plain = base64.b64decode(token + "=" * (-len(token) % 4), validate=True).decode("utf-8")
        except (ValueError, binascii.Error):
            continue
        if plain.replace("\n", "").replace("\r", "").replace("\t", "").isprintable():
            yield Part(path, plain, text.count("\n", 0, found.start()) + 1)


def _cells(path: str, content: bytes) -> Iterator[Part | Left]:
    try:
        body: Any = json.loads(content)
        cells = body["cells"] if isinstance(body, dict) and isinstance(body.get("cells"), list) else []
    except (ValueError, RecursionError):
        yield Left(path, "not a notebook that can be read")
        return
    for number, cell in enumerate(cells, 1):
        if isinstance(cell, dict):
            source = _joined(cell.get("source"))
            yield Part(f"{path} cell {number}", source, code=cell.get("cell_type") == "code")
            shown = "\n".join(_outputs(cell.get("outputs")))
            if shown:
                yield Part(f"{path} cell {number}, its output", shown)


def _outputs(outputs: object) -> Iterator[str]:
    for output in outputs if isinstance(outputs, list) else ():
        if isinstance(output, dict):
            yield _joined(output.get("text"))
            data = output.get("data")
            yield from (_joined(data.get(kind)) for kind in ("text/plain", "text/html") if isinstance(data, dict))
            yield _joined(output.get("traceback"))


def _joined(source: object) -> str:
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def _archive(path: str, content: bytes) -> Iterator[Part | Left]:
    left = MAX_TOTAL_BYTES
    try:
        for number, (name, size, stream) in enumerate(_members(path, content)):
            label = f"{path}!/{name[:200]}"
            if number >= MAX_MEMBERS or left <= 0:
                yield Left(path, f"more than {MAX_MEMBERS} members, or {MAX_TOTAL_BYTES // 1024**2} MB inside")
                return
            if is_archive(name):
                yield Left(label, "an archive inside an archive")
                continue
            taken = stream.read(min(MAX_MEMBER_BYTES, left) + 1) if size <= MAX_MEMBER_BYTES else b""
            left -= len(taken)
            if size > MAX_MEMBER_BYTES or len(taken) > MAX_MEMBER_BYTES:
                yield Left(label, f"over {MAX_MEMBER_BYTES // 1024} KiB")
            elif b"\0" not in taken[:8000]:
                yield Part(label, taken.decode("utf-8", "replace"))
    except _BROKEN:
        yield Left(path, "an archive that is broken, locked, or too large inside")


def _members(path: str, content: bytes) -> Iterable[tuple[str, int, IO[bytes]]]:
    name = path.rsplit("/", 1)[-1]
    packed = _PACKED.search(name)
    if packed:
        content = _inflated(packed["how"].lower(), content)
        name = name[: packed.start()] + (".tar" if packed["how"].lower().startswith("t") else "")
    if name.lower().endswith(".tar"):
        return _of_tar(content)
    if packed:
        return [(name, len(content), io.BytesIO(content))]
    return _of_zip(content)


def _inflated(how: str, content: bytes) -> bytes:
    """One compressed stream, at most 20 MB of it; more of it counts as broken."""
    most = MAX_TOTAL_BYTES + 1
    if how.endswith("gz"):
        plain = zlib.decompressobj(wbits=31).decompress(content, most)
    elif how.endswith("xz"):
        plain = lzma.LZMADecompressor(memlimit=64 * 1024 * 1024).decompress(content, most)
    else:
        plain = bz2.BZ2Decompressor().decompress(content, most)
    if len(plain) >= most:
        raise ValueError("too large")
    return plain


def _of_tar(content: bytes) -> Iterator[tuple[str, int, IO[bytes]]]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        for member in archive:
            if member.isreg() and (stream := archive.extractfile(member)) is not None:
                yield member.name, member.size, stream


def _of_zip(content: bytes) -> Iterator[tuple[str, int, IO[bytes]]]:
    with open_zip(io.BytesIO(content), MAX_DIRECTORY_BYTES) as archive:
        for member in archive.infolist()[: MAX_MEMBERS + 1]:
            if not member.is_dir() and member.compress_type in _METHODS:
                with archive.open(member) as stream:
                    yield member.filename, member.file_size, stream


class _Careful:
    """A stream that gives no more than so many bytes at once, until the archive is open."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream = stream
        self.most: int | None = most
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1) -> bytes:
        if self.most is None:
            return self._stream.read(size)
        content = self._stream.read(min(size, self.most + 1) if size >= 0 else self.most + 1)
        if len(content) > self.most:
            raise ValueError("the archive's list of members is too large")
        return content


def open_zip(stream: IO[bytes], most: int = 8 * MAX_DIRECTORY_BYTES) -> zipfile.ZipFile:
    """Open a zip file whose list of members has at most so many bytes.

    Raises:
        ValueError: the list is larger.
        zipfile.BadZipFile: it is none, or broken.
    """
    careful = _Careful(stream, most)
    archive = zipfile.ZipFile(cast("IO[bytes]", careful))  # it needs no more than these four methods
    careful.most = None
    return archive
