"""Values of Secrets, read by name at the moment a question needs them, and only in the namespace of its run."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

from analysis.asks import SecretRef, missing_secret
from rollouts.core.errors import HiccupError
from rollouts.kube.kinds import SECRET
from rollouts.kube.ref import Ref
from rollouts.shell.client import ApiError, Client


async def read(client: Client, namespace: str, wanted: Iterable[SecretRef], home: str = "") -> dict[SecretRef, str]:
    """The values. home: the controller's own namespace.

    Raises HiccupError with the contract's words where a Secret, or a key without a default, is missing.
    """
    values: dict[SecretRef, str] = {}
    read_already: dict[tuple[str, str], dict[str, str]] = {}
    for ref in wanted:
        where = home if ref.is_home else namespace
        if not where or not ref.name or "/" in ref.name or ".." in ref.name:
            raise HiccupError(missing_secret(where, ref))
        if (where, ref.name) not in read_already:
            read_already[where, ref.name] = await _data(client, where, ref)
        known = read_already[where, ref.name]
        encoded = next((known[key] for key in ref.key.split("|") if key in known), None)
        if encoded is None:
            if ref.default is None:
                raise HiccupError(missing_secret(where, ref))
            values[ref] = ref.default
            continue
        try:
            values[ref] = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise HiccupError(f"secret {where}/{ref.name} key {ref.key} is no text") from None
    return values


async def _data(client: Client, namespace: str, ref: SecretRef) -> dict[str, str]:
    try:
        secret = await client.get(Ref(SECRET, namespace, ref.name))
    except ApiError as error:
        if error.status == 404:
            raise HiccupError(missing_secret(namespace, ref)) from None
        raise HiccupError(f"secret {namespace}/{ref.name} not read: {error.reason or error.status}") from None
    return secret.get("data") or {}
