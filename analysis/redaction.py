"""Secrets taken out of what servers say: they say back what they were sent, and not always as it was written."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

REDACTED = "*****"
_CHARS_MIN = 4  # striking shorter secrets out of a text would garble it and tell more than it hides
_PIECE_CHARS_MIN = 512
_BASE64_CHARS_MIN = 6  # fewer are met by chance

Strike: TypeAlias = Callable[[str], str]


def strikes(secrets: Iterable[str]) -> tuple[Strike, ...]:
    """What to apply to a text, one after the other, so that none of the secrets is left in it.

    A secret is found as it is and as JSON, HTML, a URL or base64 would write it, in linear time.
    """
    found = {piece for word in secrets if len(word) >= _CHARS_MIN for piece in _pieces(word)}
    return tuple(_strike(word) for word in sorted(found, key=len, reverse=True))


def _pieces(word: str) -> Iterator[str]:
    """A word, or what it consists of if it is so long that a server could make the search for it expensive."""
    count = max(1, len(word) // _PIECE_CHARS_MIN)
    for number in range(count):
        yield word[len(word) * number // count : len(word) * (number + 1) // count]


def _strike(word: str) -> Strike:
    """What takes a word out of a text, however it is written there."""
    core = max(re.findall("[A-Za-z0-9]*", word), key=len)  # JSON, HTML and URLs leave this as it is
    signs = [_written(sign) for sign in re.sub(r"\\+", r"\\", word)]
    # A run of backslashes is looked at from its beginning alone, or a long one would take for ever.
    written = re.compile(("" if signs[0] == word[0] else r"(?<!\\)") + "".join(signs))
    # With the neighbours, which hold what is left of its first and its last letter.
    coded = [(part, re.compile(f"[A-Za-z0-9+/_-]?{re.escape(part)}[A-Za-z0-9+/_-]?")) for part in _in_base64(word)]

    def struck(text: str) -> str:
        for part, pattern in ((core, written), *coded):
            if part in text:
                text = pattern.sub(REDACTED, text)
        return text

    return struck


def _written(sign: str) -> str:
    """A pattern of a letter as it is, or as JSON, HTML or a URL writes it, quoted any number of times."""
    if sign.isascii() and sign.isalnum():
        return sign
    in_url = "".join(f"%{byte:02x}" for byte in sign.encode())
    forms = {html.escape(sign), f"&#{ord(sign)};", in_url, "+" if sign == " " else in_url}
    if sign == "\\":
        return rf"(?i:{'|'.join(map(re.escape, sorted(forms)))})++"
    units = re.findall("....", sign.encode("utf-16-be").hex())
    in_json = r"\\*+".join(f"u{unit}" for unit in units)  # what is left of it without its first backslash
    forms.add(json.dumps(sign)[1:-1].lstrip("\\"))
    return rf"(?i:\\*+(?:{in_json}|{'|'.join(map(re.escape, sorted(forms)))}))"


def _in_base64(word: str) -> Iterator[str]:
    """The signs of base64 that a word fills alone, wherever in the encoded text it begins."""
    raw = word.encode()
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        part = base64.b64encode(bytes(before) + raw).decode()[first:last]
        if len(part) >= _BASE64_CHARS_MIN:
            yield from {part, part.replace("+", "-").replace("/", "_")}
