"""Questions to a metric provider, as frozen values.

A secret argument stays an empty *slot* in a question: whoever sends it reads the values with `secrets`, fills them in
with `fill` as the question leaves, and strikes them out of whatever comes back with `redact`. So no secret enters a
cache, a plan, a status or a log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypeAlias, TypeVar

from analysis.errors import AnalysisError
from analysis.redaction import REDACTED, Strike, strikes

# No sign that a URL would be split at: name, key, whose namespace, and what stands in where there is no such key.
_PART = "([^\x02\x03\x1f]*)"
_SLOT = re.compile(f'\x02"?{_PART}\x1f{_PART}(?:\x1f(home)\x1f{_PART})?\x03')
_SLOT_IN_JSON = re.compile(r"\\u0002.*?\\u0003|\\.")  # or any other escape, so that none is read from its middle

T = TypeVar("T")


@dataclass(frozen=True, slots=True, order=True)
class SecretRef:
    """One key of one Secret in the namespace of the run, or (home) of the controller.

    key: several with | between them mean the first that is there.  default: what stands in where the Secret has no such
    key; None: it must have it.
    """

    name: str
    key: str
    is_home: bool = False
    default: str | None = None


class Filled(str):
    """A text with secrets filled in: it reads as usual, but its repr shows none of it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(REDACTED)


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """HTTP basic authentication."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OAuth2:
    """The client credentials grant: a token is fetched from `token_url` and sent as a bearer token."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sigv4:
    """A signature for AWS (Signature Version 4). region "": the controller's own."""

    service: str
    region: str = ""
    profile: str = ""
    role_arn: str = ""


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One HTTP request.

    params: appended to the URL, encoded as they leave.  aliases: filled-in URLs that stand for others, as
    (name, URL).  sigv4: a `{region}` in the URL becomes the region.  timeout_s: for the whole exchange.
    """

    url: str
    method: str = "GET"
    params: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: str = ""
    basic: BasicAuth | None = None
    oauth2: OAuth2 | None = None
    sigv4: Sigv4 | None = None
    insecure: bool = False
    timeout_s: float = 10.0
    aliases: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class KayentaRun:
    """One canary analysis by Kayenta: its configuration is found by name, then judged; the reply is the end of it.

    find, start and poll are the requests of the three steps; `{config}` and `{id}` in their URLs are what the step
    before gave.  config_name: which configuration is meant.  timeout_s: for all of it.
    """

    find: HttpCall
    start: HttpCall
    poll: HttpCall
    config_name: str
    poll_s: float = 5.0
    timeout_s: float = 600.0


@dataclass(frozen=True, slots=True)
class PromQuery:
    """One PromQL query over HTTP.

    url: the server's base address.  start_s, end_s (seconds since the epoch) and step_s belong to kind "range".
    insecure: the server's TLS certificate is not verified.  timeout_s: for the whole exchange, the token included.
    at_s: the moment that an instant query is about; None: now.
    """

    url: str
    query: str
    kind: Literal["instant", "range"] = "instant"
    start_s: float | None = None
    end_s: float | None = None
    step_s: float | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    basic: BasicAuth | None = None
    bearer: str = field(default="", repr=False)
    oauth2: OAuth2 | None = None
    sigv4: Sigv4 | None = None
    insecure: bool = False
    timeout_s: float = 30.0
    at_s: float | None = None

    @property
    def endpoint(self) -> str:
        """The URL to POST `form` to."""
        return f"{self.url.rstrip('/')}/api/v1/{'query_range' if self.kind == 'range' else 'query'}"

    @property
    def form(self) -> tuple[tuple[str, str], ...]:
        """The form fields; the server gives up a little before the client would."""
        pairs = [("query", str(self.query)), ("timeout", f"{self.timeout_s:g}s")]
        if self.kind == "range":
            pairs += [("start", f"{self.start_s:.3f}"), ("end", f"{self.end_s:.3f}"), ("step", f"{self.step_s:.3f}")]
        elif self.at_s is not None:
            pairs.append(("time", f"{self.at_s:.3f}"))
        return tuple(pairs)


@dataclass(frozen=True, slots=True)
class PromQueries:
    """Several PromQL queries put at once; the answer is a tuple of replies in their order."""

    queries: tuple[PromQuery, ...]

    @property
    def timeout_s(self) -> float:
        """How long the slowest may take."""
        return max(query.timeout_s for query in self.queries)


Question: TypeAlias = PromQuery | PromQueries | HttpCall | KayentaRun


@dataclass(frozen=True, slots=True)
class HttpReply:
    """What an HTTP server answered, whatever its status: the value of the answer to any question over HTTP.

    body: the bytes as they came (decompressed, cut off by the sender's limit), or the JSON already read from them.
    """

    status: int
    body: Any = field(repr=False)


def slot(ref: SecretRef) -> str:
    """The place holder that stands for a secret in a question's texts."""
    more = f"\x1fhome\x1f{ref.default or ''}" if ref.is_home else ""
    return f"\x02{ref.name}\x1f{ref.key}{more}\x03"


def home(name: str, key: str, default: str | None = None) -> str:
    """The place holder of a key of a Secret beside the controller."""
    return slot(SecretRef(name, key, True, default))


def json_text(document: Any) -> str:
    """The JSON of a document. Slots in its texts stay slots; what they are filled with is written as JSON too."""

    def one(match: re.Match[str]) -> str:
        is_slot = len(match.group()) > 2
        return str(json.loads(f'"{match.group()}"')).replace("\x02", '\x02"', 1) if is_slot else match.group()

    return _SLOT_IN_JSON.sub(one, json.dumps(document, separators=(",", ":")))


def _ref(match: re.Match[str]) -> SecretRef:
    return SecretRef(match[1], match[2], match[3] is not None, match[4] or None)


def has_slot(text: str) -> bool:
    """Whether a text holds (or imitates) a secret's place holder."""
    return any(mark in text for mark in "\x02\x03\x1f")


def shown(text: str) -> str:
    """A text for human eyes: every slot reads as asterisks."""
    return _SLOT.sub(REDACTED, text)


def secrets(question: Question) -> tuple[SecretRef, ...]:
    """Which secrets fill the question, each once, in a fixed order; empty for most questions."""
    found: set[SecretRef] = set()

    def note(text: str) -> str:
        found.update(map(_ref, _SLOT.finditer(text)))
        return text

    _each_text(question, note)
    return tuple(sorted(found, key=lambda ref: (ref.is_home, ref.name, ref.key)))


def fill(question: Question, values: Mapping[SecretRef, str]) -> Question:
    """The question with its slots filled. Raises AnalysisError where a value is missing; never shows a value."""

    def one(match: re.Match[str]) -> str:
        ref = _ref(match)
        if ref not in values:
            raise AnalysisError(f"secret {ref.name} key {ref.key} missing")
        is_in_json = match.group().startswith('\x02"')
        return json.dumps(values[ref])[1:-1] if is_in_json else values[ref]

    def each(text: str) -> str:
        return Filled(_SLOT.sub(one, text)) if _SLOT.search(text) else text

    filled: Question = _each_text(question, each)
    return filled


def missing_secret(namespace: str, ref: SecretRef) -> str:
    """The error of an answer whose secret does not exist, or has no such key."""
    return f"secret {namespace}/{ref.name} key {ref.key} missing"


def redact(value: T, secret_values: Iterable[str]) -> T:
    """`value` (text, bytes or JSON, mapping keys included) with every occurrence of a secret struck out.

    Also where it is written as JSON, HTML, a URL or base64 would write it: servers say back what they were sent.
    """
    found = strikes(secret_values)
    result: T = _redacted(value, found, 0) if found else value
    return result


def _redacted(value: Any, found: tuple[Strike, ...], depth: int) -> Any:
    if isinstance(value, str):
        for strike in found:
            value = strike(value)
    elif isinstance(value, bytes):
        text = value.decode("utf-8", "surrogateescape")
        value = _redacted(text, found, depth).encode("utf-8", "surrogateescape")
    elif isinstance(value, HttpReply):
        value = HttpReply(value.status, _redacted(value.body, found, depth))
    elif depth > 64:
        value = REDACTED
    elif isinstance(value, Mapping):
        value = {_redacted(key, found, depth): _redacted(inner, found, depth + 1) for key, inner in value.items()}
    elif isinstance(value, list | tuple):
        value = type(value)(_redacted(inner, found, depth + 1) for inner in value)
    return value


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """`value` with every text in it changed: a question is a tree of dataclasses and tuples, five levels deep."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_each_text(inner, change) for inner in value)
    if isinstance(value, PromQuery | PromQueries | HttpCall | KayentaRun | BasicAuth | OAuth2 | Sigv4):
        return replace(value, **{each.name: _each_text(getattr(value, each.name), change) for each in fields(value)})
    return value
