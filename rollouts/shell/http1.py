"""HTTP/1.1 answers out of bytes: a small strict parser, pure, as much as an API server speaks.

A general HTTP client costs several times as much processor time for one exchange, and a controller lives on exchanges
(docs/decisions/0003-watches-and-http.md has the figures).
Whatever is not plainly right is refused: the connection is then closed, and nobody knows what became of the request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum

HEAD_BYTES_MAX = 65536
CHUNK_LINE_BYTES_MAX = 1024
INTERIM_ANSWERS_MAX = 8
TRAILERS_MAX = 64
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5]\d\d)(?: [^\r\n]*)?")
_WITHOUT_BODY = (204, 304)
_ONCE = (b"content-length", b"transfer-encoding", b"content-encoding")  # two of them are two answers, to somebody


class MalformedError(ValueError):
    """The bytes are no HTTP/1.1 answer."""


class _Part(Enum):
    HEAD = 1
    LENGTH = 2  # a body of known length
    CHUNK_SIZE = 3
    CHUNK = 4
    CHUNK_END = 5
    TRAILER = 6
    UNTIL_CLOSE = 7
    DONE = 8


class Parser:
    """Reads one answer: `feed` gives the body's bytes as they come, the attributes tell how far it is."""

    __slots__ = ("_buffer", "_interim", "_left", "_part", "_trailers", "headers", "keeps_alive", "status")

    def __init__(self) -> None:
        self.status = 0
        self.headers: Mapping[bytes, bytes] = {}
        self.keeps_alive = True
        self._part = _Part.HEAD
        self._left = 0
        self._interim = self._trailers = 0
        self._buffer = b""

    @property
    def has_head(self) -> bool:
        """Whether status and headers are known."""
        return self.status != 0

    @property
    def is_done(self) -> bool:
        """Whether the whole answer was read."""
        return self._part is _Part.DONE

    def feed(self, received: bytes) -> bytes:
        """Read on; returns the bytes of the body in what was received. Raises MalformedError."""
        data = self._buffer + received if self._buffer else received
        self._buffer = b""
        if self._part is _Part.HEAD:
            data = self._read_head(data)
        if self._part is _Part.LENGTH:
            return self._read_length(data)
        if self._part is _Part.UNTIL_CLOSE:
            return data
        if self._part in (_Part.HEAD, _Part.DONE):
            if self.is_done and data:
                self.keeps_alive = False  # more than was asked for: nothing that follows can be trusted
            return b""
        return self._read_chunks(data)

    def end(self) -> None:
        """The connection was closed. Raises MalformedError where that was too early."""
        if self._part is _Part.UNTIL_CLOSE:
            self._part = _Part.DONE
        if not self.is_done:
            raise MalformedError("the connection was closed in the middle of an answer")

    def _read_head(self, data: bytes) -> bytes:
        """Read the head, and pass over interim answers; returns what follows it."""
        while True:
            end = data.find(b"\r\n\r\n")
            if end > HEAD_BYTES_MAX or (end < 0 and len(data) > HEAD_BYTES_MAX):
                raise MalformedError("the head of the answer is too large")
            if end < 0:
                self._buffer = data
                return b""
            first, *lines = data[:end].split(b"\r\n")
            data = data[end + 4 :]
            found = _STATUS.fullmatch(first)
            if not found or found[2] == b"101":  # nobody asked for another protocol
                raise MalformedError("this is no HTTP/1.1 answer")
            if not found[2].startswith(b"1"):
                break
            self._interim += 1
            if self._interim > INTERIM_ANSWERS_MAX:
                raise MalformedError("interim answers without an end")
        self.headers = _headers(lines)
        self.status = int(found[2])
        self._judge_body(is_old=found[1] == b"0")
        return data

    def _judge_body(self, *, is_old: bool) -> None:
        wishes = [word.strip() for word in self.headers.get(b"connection", b"").lower().split(b",")]
        self.keeps_alive = b"close" not in wishes and (not is_old or b"keep-alive" in wishes)
        if self.headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise MalformedError("an encoding that was not asked for")
        length, coding = self.headers.get(b"content-length"), self.headers.get(b"transfer-encoding", b"").lower()
        if self.status in _WITHOUT_BODY:
            self._part = _Part.DONE
        elif coding:
            if coding != b"chunked" or length is not None:
                raise MalformedError("an unknown transfer encoding")
            self._part = _Part.CHUNK_SIZE
        elif length is not None:
            if not length.isdigit() or len(length) > 15:
                raise MalformedError("a content length that is no number")
            self._left = int(length)
            self._part = _Part.LENGTH if self._left else _Part.DONE
        else:
            self._part, self.keeps_alive = _Part.UNTIL_CLOSE, False

    def _read_length(self, data: bytes) -> bytes:
        if len(data) < self._left:
            self._left -= len(data)
            return data
        body, rest = data[: self._left], data[self._left :]
        self._part = _Part.DONE
        self.keeps_alive = self.keeps_alive and not rest
        return body

    def _read_chunks(self, data: bytes) -> bytes:
        parts: list[bytes] = []
        at = 0
        while at < len(data) and self._part is not _Part.DONE:
            if self._part is _Part.CHUNK:
                part = data[at : at + self._left]
                parts.append(part)
                at += len(part)
                self._left -= len(part)
                if not self._left:
                    self._part = _Part.CHUNK_END
                continue
            end = data.find(b"\r\n", at)
            if (len(data) if end < 0 else end) - at > CHUNK_LINE_BYTES_MAX:
                raise MalformedError("a chunk without an end")
            if end < 0:
                self._buffer = data[at:]
                return b"".join(parts)
            self._read_line(data[at:end])
            at = end + 2
        if self.is_done and at < len(data):
            self.keeps_alive = False
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read_line(self, line: bytes) -> None:
        match self._part:
            case _Part.CHUNK_SIZE:
                size = line.partition(b";")[0].strip()
                if not size or len(size) > 8 or not all(digit in b"0123456789abcdefABCDEF" for digit in size):
                    raise MalformedError("a chunk without a size")
                self._left = int(size, 16)
                self._part = _Part.CHUNK if self._left else _Part.TRAILER
            case _Part.CHUNK_END:
                if line:
                    raise MalformedError("a chunk that is longer than it says")
                self._part = _Part.CHUNK_SIZE
            case _:
                self._trailers += 1
                if not line:
                    self._part = _Part.DONE
                elif self._trailers > TRAILERS_MAX:
                    raise MalformedError("trailers without an end")


def _headers(lines: list[bytes]) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip() or b"\n" in line:
            raise MalformedError("a header without a name")
        name = name.lower()
        if name in headers and name in _ONCE:
            raise MalformedError("a header that may stand once stands twice")
        headers[name] = value.strip()
    return headers
