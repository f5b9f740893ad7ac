"""What a caller may say beside the object itself: options, preconditions, queries, pages."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Literal

import orjson

from rollouts.devplane import errors
from rollouts.kube.ref import Manifest

_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """manager: the field manager ("" leaves managedFields alone).  strict: unknown fields are refused."""

    manager: str = ""
    dry_run: bool = False
    force: bool = False
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Deletion:
    """Preconditions and propagation of a delete. propagation "" means the default, Background."""

    uid: str = ""
    version: str = ""
    propagation: Literal["", "Background", "Foreground", "Orphan"] = ""
    dry_run: bool = False
    manager: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """Which objects of a collection. limit 0 means all; version and match as in the API's list options."""

    labels: str = ""
    fields: str = ""
    limit: int = 0
    token: str = ""
    version: str = ""
    match: Literal["", "Exact", "NotOlderThan"] = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a collection as of one version; `token` continues it, `remaining` counts what is left."""

    items: tuple[Manifest, ...]
    version: str
    token: str = ""
    remaining: int = 0


DEFAULT_OPTIONS = WriteOptions()
DEFAULT_DELETION = Deletion()
EVERYTHING = Query()


class Names:
    """Uids and generated names: drawn one after the other from a seed, so that a simulation draws them again."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._drawn = 0

    def uid(self) -> str:
        """The next uid."""
        drawn = self._next().hex()
        return f"{drawn[:8]}-{drawn[8:12]}-4{drawn[13:16]}-a{drawn[17:20]}-{drawn[20:32]}"

    def name(self, prefix: str) -> str:
        """The next name for a generateName."""
        return prefix[:58] + "".join(_SUFFIX_ALPHABET[byte % len(_SUFFIX_ALPHABET)] for byte in self._next()[:5])

    def _next(self) -> bytes:
        self._drawn += 1
        return hashlib.sha256(f"{self._seed}/{self._drawn}".encode()).digest()


def write_token(version: int, last: tuple[str, str]) -> str:
    """The continue token of a page that ended with this key."""
    return base64.urlsafe_b64encode(orjson.dumps([version, *last])).decode()


def read_token(token: str) -> tuple[int, tuple[str, str]]:
    """The version and last key of a continue token. Raises BadRequest."""
    try:
        version, namespace, name = orjson.loads(base64.urlsafe_b64decode(token))
        return int(version), (str(namespace), str(name))
    except (ValueError, TypeError) as error:
        raise errors.bad_request("continue key is not valid: encoding error") from error
