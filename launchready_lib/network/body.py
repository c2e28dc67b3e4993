"""The body of an answer as it arrives: decoded in steps, so that a bomb never unfolds beyond the limit."""

from __future__ import annotations

import zlib

_STEP = 65_536
_ZLIB_OR_GZIP = 32 + zlib.MAX_WBITS


class Body:
    """Collects at most `limit` bytes of decoded content (gzip and deflate, RFC 9110 §8.4.1).

    Attributes:
        full: the limit is reached; what follows is not read.
        broken: decoding failed within the body.
        error: why decoding stopped, or that the encoding is not one of ours and the bytes stand as sent.
    """

    def __init__(self, limit: int, encoding: str = "") -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self.full = False
        self.broken = False
        self.error: str | None = None
        encoding = encoding.strip().lower()
        self._decoder = zlib.decompressobj(_ZLIB_OR_GZIP) if encoding in ("gzip", "x-gzip", "deflate") else None
        self._raw_deflate = encoding == "deflate"
        if self._decoder is None and encoding not in ("", "identity"):
            self.error = "the body is kept as sent: its encoding was not asked for"

    @property
    def content(self) -> bytes:
        """What came so far."""
        return b"".join(self._parts)

    def feed(self, data: bytes) -> bool:
        """Take the next bytes from the wire; false where no more are wanted."""
        if self._decoder is None:
            self._keep(data)
        else:
            self._decode(data)
        return not self.full and not self.broken

    def _keep(self, data: bytes) -> None:
        room = self._limit - self._size
        if data:
            self._parts.append(data[:room])
            self._size += min(len(data), room)
        self.full = self.full or len(data) > room

    def _decode(self, data: bytes) -> None:
        decoder = self._decoder
        try:
            while data and decoder is not None and not self.full:
                try:
                    decoded = decoder.decompress(data, _STEP)
                except zlib.error:
                    if not self._raw_deflate or self._size:
                        raise
                    # Some servers send deflate without its zlib wrapper.
                    self._decoder = decoder = zlib.decompressobj(-zlib.MAX_WBITS)
                    self._raw_deflate = False
                    continue
                self._keep(decoded)
                data = decoder.unconsumed_tail
                if decoder.eof:
                    data = decoder.unused_data
                    self._decoder = decoder = zlib.decompressobj(_ZLIB_OR_GZIP)
        except zlib.error as error:
            self.broken = True
            self.error = f"the body broke off: it cannot be decoded ({type(error).__name__})"
