"""How a provider is reached: addresses, headers, credentials, checked before anything is sent.

Shared by the dialects. `who` is the provider's name as its users know it, the first word of every complaint.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

from analysis import duration
from analysis.asks import BasicAuth, HttpReply, OAuth2, Sigv4, has_slot
from analysis.errors import AnalysisError

URL_CHARS_MAX = 2048
SAID_CHARS_MAX = 256

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SLOT = re.compile("\x02[^\x03]*\x03")


@lru_cache(maxsize=256)  # each look asks for the same few
def base_address(address: str, who: str = "prometheus") -> tuple[str, BasicAuth | None]:
    """A server's address without its user information, and that. No message ever shows what stood before the @."""
    plain = _SLOT.sub("slot", address)
    if not address:
        raise AnalysisError(f"{who} address is not configured")
    if len(address) > URL_CHARS_MAX or _CONTROL.search(plain) or any(char.isspace() for char in plain):
        raise AnalysisError(f"{who} address is not a URL: too long, or with blanks or control characters in it")
    if address.startswith("\x02"):
        return address, None  # a secret from its first character on: whoever fills it in looks at what it is
    scheme, _, rest = address.partition("://")
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    clean = f"{scheme}://{host}{slash}{path}"
    bare = clean.partition("#")[0].partition("?")[0]  # a query may be a token
    bad = AnalysisError(f'{who} address is not a URL: "{_SLOT.sub("*****", bare)}", want http://host:port')
    if scheme.lower() not in ("http", "https") or not host:
        raise AnalysisError(f'{who} address is not a URL: want http://host:port, got "{_no_user(address)}"')
    try:
        parts = urlsplit(_SLOT.sub("slot", clean))
        if not parts.hostname or parts.port == 0 or parts.query or parts.fragment:
            raise bad
    except ValueError:
        raise bad from None
    name, _, password = user.partition(":")
    return clean.rstrip("/"), BasicAuth(unquote(name), unquote(password)) if at else None


def part(value: Any, name: str, who: str) -> Mapping[str, Any]:
    """An optional object of a spec."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise AnalysisError(f"{who} {name} must be an object")
    return value


def _no_user(address: str) -> str:
    scheme, mark, rest = address.rpartition("://")
    rest = rest.rpartition("@")[2].partition("#")[0].partition("?")[0]
    return _SLOT.sub("*****", f"{scheme.rpartition('@')[2]}{mark}{rest}")[:256]


def headers_of(headers: Any, who: str) -> Iterator[tuple[str, str]]:
    """`[{key, value}]` as pairs. Raises AnalysisError for a name or a value that cannot be sent."""
    if not isinstance(headers, list | tuple):
        raise AnalysisError(f"{who} headers must be a list")
    for header in headers:
        name, value = str(header.get("key") or ""), str(header.get("value") or "")
        if not _HEADER_NAME.fullmatch(name):
            raise AnalysisError(f"{who} header name {name[:64]!r} is not valid")
        if _CONTROL.search(_SLOT.sub("", value)):
            raise AnalysisError(f"{who} header {name} has control characters in its value")
        yield name, value


def _basic(basic: Mapping[str, Any]) -> BasicAuth | None:
    if not basic:
        return None
    return BasicAuth(str(basic.get("username") or ""), str(basic.get("password") or ""))


def _oauth2(oauth2: Mapping[str, Any], who: str) -> OAuth2 | None:
    if not any(oauth2.values()):
        return None
    names = ("tokenUrl", "clientId", "clientSecret")
    texts = {name: str(oauth2.get(name) or "") for name in names}
    if missing := [name for name in names if not texts[name]]:
        raise AnalysisError(f"missing mandatory parameter in metric for OAuth2 setup: {', '.join(missing)}")
    if not has_slot(texts["tokenUrl"]):
        base_address(texts["tokenUrl"], who)
    scopes = oauth2.get("scopes") or ()
    return OAuth2(texts["tokenUrl"], texts["clientId"], texts["clientSecret"], tuple(str(scope) for scope in scopes))


def login(spec: Mapping[str, Any], who: str, service: str = "") -> tuple[BasicAuth | None, OAuth2 | None, Sigv4 | None]:
    """What `authentication` says. service: the name that an AWS signature would be for, "" where there is none."""
    given = part(spec.get("authentication"), "authentication", who)
    aws = part(given.get("sigv4"), "authentication.sigv4", who)
    signed = None
    if any(aws.values()):
        if not service:
            raise AnalysisError(f"{who} cannot sign for AWS")
        signed = Sigv4(service, *(str(aws.get(name) or "") for name in ("region", "profile", "roleArn")))
    basic = _basic(part(given.get("basicAuth"), "authentication.basicAuth", who))
    return basic, _oauth2(part(given.get("oauth2"), "authentication.oauth2", who), who), signed


def span_s(spec: Mapping[str, Any], name: str, default_s: float, who: str) -> float:
    """A duration of a spec, in seconds."""
    text = str(spec.get(name) or "")
    if not text:
        return default_s
    try:
        found = duration.parse_s(text)
    except AnalysisError as error:
        raise AnalysisError(f"{who} {name}: {error}") from None
    if not 0 < found <= 366 * 86_400:
        raise AnalysisError(f"{who} {name} must be between 0 and a year, got {text[:64]}")
    return found


def needed(spec: Mapping[str, Any], name: str, who: str) -> str:
    """A text that must be there."""
    text = str(spec.get(name) or "").strip()
    if not text:
        raise AnalysisError(f"{who} {name} is empty")
    return text


def body_of(answer: Any) -> bytes:
    """The bytes of a good answer. Raises AnalysisError with the server's words for any other."""
    reply = answer if isinstance(answer, HttpReply) else HttpReply(200, answer)
    body = reply.body if isinstance(reply.body, bytes | bytearray) else str(reply.body).encode()
    if not 200 <= reply.status < 300:
        said = " ".join(body[:SAID_CHARS_MAX].decode(errors="replace").split())
        raise AnalysisError(f"received non 2xx response code: {reply.status}{f': {said}' if said else ''}")
    return bytes(body)


def json_of(answer: Any) -> Any:
    """The JSON of a good answer."""
    try:
        return json.loads(body_of(answer), parse_int=whole)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise AnalysisError("bad_response: the answer is not JSON") from None


def finite(text: str) -> float:
    """A number of JSON. Raises AnalysisError for one that is too large."""
    value = float(text)
    if math.isinf(value):
        raise AnalysisError(f"bad_response: {text[:32]} is too large for a number")
    return value


def whole(text: str) -> int:
    """A whole number of JSON, which a float can hold too."""
    finite(text)
    return int(text)


def floats(value: Any) -> Any:
    """JSON's numbers are all floats for conditions, as in the reference."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return float(value)
    if isinstance(value, list):
        return [floats(each) for each in value]
    if isinstance(value, dict):
        return {key: floats(each) for key, each in value.items()}
    return value


def number(value: Any) -> float:
    """A number of an answer. Raises AnalysisError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AnalysisError(f"bad_response: {str(value)[:64]!r} is no number")
    return float(value)


def said(value: Any) -> str:
    """A value as a measurement shows it."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else f"{value:g}" if abs(value) < 1e15 else repr(value)
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)


def listed(values: Sequence[float]) -> str:
    """`[1,2.5]`."""
    return f"[{','.join(said(value) for value in values)}]"
