"""Objects copied inside etcd, as the API server encoded them: minutes become seconds where ten thousand are wanted.

Names and uids are exchanged for others of the same length, so that JSON and protobuf alike stay well-formed.
"""

from __future__ import annotations

import base64
import http.client
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

TOGETHER = 100  # etcd takes 128 operations in one transaction
REQUEST_S_MAX = 60.0
_ID_SPACE = uuid.UUID("5d0f7b6e-3c52-4c1e-9a57-6f6b5a4e1d20")


class Etcd:
    """One connection to etcd's JSON gateway."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        self._connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=REQUEST_S_MAX)

    def under(self, prefix: str) -> dict[bytes, bytes]:
        """Every key that begins so, and its value."""
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        found = self._ask("/v3/kv/range", {"key": _coded(prefix.encode()), "range_end": _coded(end.encode())})
        return {base64.b64decode(kv["key"]): base64.b64decode(kv["value"]) for kv in found.get("kvs", ())}

    def put(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """Write all pairs in one transaction."""
        puts = [{"request_put": {"key": _coded(key), "value": _coded(value)}} for key, value in pairs]
        self._ask("/v3/kv/txn", {"success": puts})

    def _ask(self, path: str, body: Mapping[str, Any]) -> Any:
        self._connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        text = answer.read()
        assert answer.status == 200, f"{path}: {answer.status} {text[:500]!r}"
        return json.loads(text)


def multiply(etcd: Etcd, found: Sequence[Mapping[str, Any]], copies: Sequence[Mapping[str, str]]) -> int:
    """Write all found objects again for each copy, its words in place of theirs; returns how many were written.

    found: the objects as the API server shows them.  copies: word of the pattern -> word of the copy, equally long.
    """
    uids = [str(body["metadata"]["uid"]) for body in found]
    stored = [(key, value) for key, value in etcd.under("/registry/").items() if _is_of(key, value, found)]
    assert len(stored) == len(found), f"{len(found)} objects are kept under {sorted(key for key, _ in stored)}"
    written, pairs = 0, _copied(stored, uids, copies)
    while some := list(islice(pairs, TOGETHER)):
        etcd.put(some)
        written += len(some)
    return written


def _is_of(key: bytes, value: bytes, found: Sequence[Mapping[str, Any]]) -> bool:
    metas = (body["metadata"] for body in found)
    return any(key.endswith(f"/{meta['name']}".encode()) and meta["uid"].encode() in value for meta in metas)


def _copied(
    stored: Sequence[tuple[bytes, bytes]], uids: Sequence[str], copies: Sequence[Mapping[str, str]]
) -> Iterator[tuple[bytes, bytes]]:
    for copy in copies:
        seed = "/".join(copy.values())
        words = {**copy, **{uid: str(uuid.uuid5(_ID_SPACE, f"{seed}/{uid}")) for uid in uids}}
        assert all(len(old) == len(new) for old, new in words.items()), "another length would spoil what is encoded"
        for key, value in stored:
            for old, new in words.items():
                key, value = key.replace(old.encode(), new.encode()), value.replace(old.encode(), new.encode())
            yield key, value


def _coded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
