"""The parser of answers: the same whatever the pieces are, and strict about the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.shell.http1 import MalformedError, Parser

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nRetry-After: 7\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: a\r\n\r\n"
)
EMPTY = b"HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + LENGTH
CLOSED = b"HTTP/1.0 200 OK\r\n\r\nhello"


def read(pieces: list[bytes]) -> tuple[int, bytes, bool, bool]:
    parser = Parser()
    body = b"".join(parser.feed(piece) for piece in pieces if piece)
    return parser.status, body, parser.is_done, parser.keeps_alive


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (LENGTH, (200, b"hello", True, True)),
        (CHUNKED, (201, b"hello!", True, True)),
        (EMPTY, (204, b"", True, True)),
        (INTERIM, (200, b"hello", True, True)),
        (CLOSED, (200, b"hello", False, False)),
    ],
)
@given(data=st.data())
def test_an_answer_reads_the_same_in_whatever_pieces_it_comes(answer, expected, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(answer)), max_size=8)))
    pieces = [answer[start:end] for start, end in zip([0, *cuts], [*cuts, len(answer)], strict=True)]

    assert read(pieces) == expected
    assert read([answer[at : at + 1] for at in range(len(answer))]) == expected


def test_an_answer_of_no_known_length_ends_with_its_connection():
    parser = Parser()
    parser.feed(CLOSED)
    parser.end()

    assert parser.is_done


@pytest.mark.parametrize("cut", range(1, len(CHUNKED)))
def test_a_connection_that_ends_too_early_is_an_error(cut):
    parser = Parser()
    parser.feed(CHUNKED[:cut])

    with pytest.raises(MalformedError):
        parser.end()


@pytest.mark.parametrize(
    ("story", "answer"),
    [
        ("no HTTP", b"SSH-2.0-OpenSSH\r\n\r\n"),
        ("another version", b"HTTP/2 200\r\n\r\n"),
        ("a status of two digits", b"HTTP/1.1 20 OK\r\n\r\n"),
        ("a status of zeros", b"HTTP/1.1 000 OK\r\n\r\n"),
        ("another protocol that nobody asked for", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"),
        ("interim answers without an end", b"HTTP/1.1 100\r\n\r\n" * 16_000),
        ("a header without a colon", b"HTTP/1.1 200 OK\r\nfoo\r\n\r\n"),
        ("a folded header", b"HTTP/1.1 200 OK\r\na: b\r\n c: d\r\n\r\n"),
        ("a header that hides another", b"HTTP/1.1 200 OK\r\na: b\nContent-Length: 3\r\n\r\nabc"),
        ("a negative length", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
        ("a length with a sign", b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n"),
        ("an empty length", b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n"),
        ("a length as large as the world", b"HTTP/1.1 200 OK\r\nContent-Length: 1234567890123456\r\n\r\n"),
        ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"),
        ("two lengths in one", b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n"),
        ("an encoding that nobody asked for", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"),
        ("a length in other digits", "HTTP/1.1 200 OK\r\nContent-Length: ٣\r\n\r\n".encode()),
        ("two ways to end", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("an unknown coding", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
        ("a chunk without a size", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
        ("a chunk that is too long", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"),
        ("a chunk as large as the world", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n123456789\r\n"),
        ("a chunk of a negative size", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"),
        ("a head without an end", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000),
        ("a head that is too large, in one piece", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000 + b"\r\n"),
        ("a chunk line without an end", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 2000),
        ("a long chunk line", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 2000 + b"\r\na\r\n"),
        (
            "trailers without an end",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 100,
        ),
    ],
)
def test_what_is_not_plainly_right_is_refused(story, answer):
    with pytest.raises(MalformedError):
        Parser().feed(answer)


def test_more_than_was_asked_for_ends_the_connection():
    assert read([LENGTH + b"HTTP/1.1 200 OK"]) == (200, b"hello", True, False)
    assert read([CHUNKED + b"x"]) == (201, b"hello!", True, False)


def test_a_server_may_close_after_its_answer():
    assert read([b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"]) == (200, b"ok", True, False)


@pytest.mark.parametrize(
    ("answer", "stays"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: Upgrade, Close\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", True),
    ],
)
def test_whether_the_connection_stays_is_what_the_server_says(answer, stays):
    assert read([answer]) == (200, b"", True, stays)


@given(answer=st.binary(max_size=300), cut=st.integers(0, 300))
def test_no_bytes_at_all_do_more_than_being_refused(answer, cut):
    for head in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"):
        parser, whole = Parser(), head + answer
        try:
            body = parser.feed(whole[:cut]) + parser.feed(whole[cut:])
            parser.end()
        except MalformedError:
            continue

        assert parser.is_done
        assert len(body) <= len(whole)
