"""Signatures for AWS, by AWS' own library; an extra that only those install who need it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from analysis.asks import Sigv4
from rollouts.core.errors import HiccupError

MISSING = 'AWS signatures need the extra "aws": pip install "rollouts[aws]"'


async def signed(
    wish: Sigv4, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes
) -> list[tuple[str, str]]:
    """The headers with those of the signature. Raises HiccupError where there are no credentials or no library."""
    return await asyncio.to_thread(_signed, wish, method, url, headers, body)


def region_of(wish: Sigv4) -> str:
    """The region of a signature: its own, else the controller's. Raises HiccupError where nobody says it."""
    region = wish.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
    if not region or not region.replace("-", "").isalnum():
        raise HiccupError("AWS: no region: give authentication.sigv4.region, or AWS_REGION to the controller")
    return region


def _signed(
    wish: Sigv4, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes
) -> list[tuple[str, str]]:
    try:
        from awscrt import auth, http
    except ImportError:
        raise HiccupError(MISSING) from None
    parts = urlsplit(url)
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    request = http.HttpRequest(
        method, path, http.HttpHeaders([("Host", parts.netloc), *headers]), BytesIO(body) if body else None
    )
    config = auth.AwsSigningConfig(
        algorithm=auth.AwsSigningAlgorithm.V4,
        signature_type=auth.AwsSignatureType.HTTP_REQUEST_HEADERS,
        credentials_provider=_credentials(auth, wish),
        region=region_of(wish),
        service=wish.service,
    )
    try:
        done = auth.aws_sign_request(request, config).result(10.0)
    except Exception as error:  # the library raises its own kinds, all of them about credentials
        raise HiccupError(f"AWS: the request was not signed: {type(error).__name__}") from None
    return [(name, value) for name, value in done.headers if name.lower() != "host"]


def _credentials(auth: Any, wish: Sigv4) -> Any:
    if wish.role_arn:
        raise HiccupError("AWS: roleArn is not assumed; let the controller's own identity have that role")
    if wish.profile:
        return auth.AwsCredentialsProvider.new_profile(profile_name=wish.profile)
    return auth.AwsCredentialsProvider.new_default_chain()
