"""Shell patterns over whole texts: `*` and `?` cross every sign, `[a-z]`, `[!x]`, `{a,b}`. Never slower than n·m.

Source: the Go package gobwas/glob, as Argo reads project rules and directory filters without separators, addresses of
repositories with one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

PATTERN_CHARS_MAX = 1024
ALTERNATIVES_MAX = 256

_Any, _Part, _One = "**", "*", "?"
_Set: TypeAlias = tuple[bool, tuple[tuple[str, str], ...]]  # (inverted, ranges)
_Token: TypeAlias = str | _Set | tuple[str]  # stars or a question mark, a set, a literal sign as (sign,)


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern covers the whole text; a pattern that is malformed or too long covers only itself."""
    if pattern == text or pattern == "*":
        return True
    return any(_covers(_tokens(one), text) for one in _alternatives(pattern))


def matches_in_parts(pattern: str, text: str) -> bool:
    """The same, but only `**` crosses a slash, unless the pattern is a star and nothing else."""
    if pattern == text or pattern == "*":
        return True
    return any(_covers_parts(_tokens(one), text) for one in _alternatives(pattern))


@lru_cache(maxsize=4096)
def _alternatives(pattern: str) -> tuple[str, ...]:
    """The patterns that the braces stand for."""
    if len(pattern) > PATTERN_CHARS_MAX:
        return ()
    done: list[str] = []
    todo = [pattern]
    while todo:
        here = todo.pop()
        opening = here.find("{")
        closing = here.find("}", opening)
        if opening < 0 or closing < 0:
            done.append(here)
        else:
            inner = here.rfind("{", 0, closing)  # the innermost group first
            for part in here[inner + 1 : closing].split(","):
                todo.append(here[:inner] + part + here[closing + 1 :])
        if len(todo) + len(done) > ALTERNATIVES_MAX:
            return ()
    return tuple(done)


@lru_cache(maxsize=4096)
def _tokens(pattern: str) -> tuple[_Token, ...]:
    found: list[_Token] = []
    at = 0
    while at < len(pattern):
        sign = pattern[at]
        at += 1
        if sign == "*":
            if found and found[-1] in (_Any, _Part):
                found[-1] = _Any
            else:
                found.append(_Part)
        elif sign == "?":
            found.append(_One)
        elif sign == "\\" and at < len(pattern):
            found.append((pattern[at],))
            at += 1
        elif sign == "[" and (end := pattern.find("]", at + 1)) > 0:
            found.append(_set(pattern[at:end]))
            at = end + 1
        else:
            found.append((sign,))
    return tuple(found)


def _set(body: str) -> _Set:
    inverted = body[0] in "!^"
    signs = body[1:] if inverted else body
    ranges = []
    at = 0
    while at < len(signs):
        if signs[at + 1 : at + 2] == "-" and at + 2 < len(signs):
            ranges.append((signs[at], signs[at + 2]))
            at += 3
        else:
            ranges.append((signs[at], signs[at]))
            at += 1
    return inverted, tuple(ranges)


def _covers(tokens: tuple[_Token, ...], text: str) -> bool:
    """Only the latest star is ever reconsidered, so the work is bounded by the product of the lengths."""
    at = token_at = 0
    star, resume = -1, 0
    while at < len(text):
        if token_at < len(tokens) and tokens[token_at] in (_Any, _Part):
            star, resume = token_at, at
            token_at += 1
        elif token_at < len(tokens) and _fits(tokens[token_at], text[at]):
            at += 1
            token_at += 1
        elif star >= 0:
            resume += 1
            at, token_at = resume, star + 1
        else:
            return False
    return all(token in (_Any, _Part) for token in tokens[token_at:])


def _covers_parts(tokens: tuple[_Token, ...], text: str) -> bool:
    """All places in the pattern that the text so far may lead to are held at once."""
    places = _beyond_stars(tokens, {0})
    for sign in text:
        stay = {
            at for at in places if at < len(tokens) and (tokens[at] == _Any or (tokens[at] == _Part and sign != "/"))
        }
        go = {at + 1 for at in places if at < len(tokens) and _is_sign_of(tokens[at], sign)}
        places = _beyond_stars(tokens, stay | go)
        if not places:
            return False
    return len(tokens) in places


def _beyond_stars(tokens: tuple[_Token, ...], places: set[int]) -> set[int]:
    """The places, and those after stars that stand for nothing."""
    found = set(places)
    for at in places:
        while at < len(tokens) and tokens[at] in (_Any, _Part):
            at += 1
            found.add(at)
    return found


def _is_sign_of(token: _Token, sign: str) -> bool:
    """Whether a token stands for one sign, which is a slash only where the pattern has one."""
    return (sign != "/" or token == ("/",)) and _fits(token, sign)


def _fits(token: _Token, sign: str) -> bool:
    if isinstance(token, str):
        return token == _One
    if len(token) == 1:
        return token[0] == sign
    inverted, ranges = token
    return any(low <= sign <= high for low, high in ranges) != inverted
