"""Whom the controller believes to be who he says: a real server whose certificate nobody vouches for."""

from __future__ import annotations

import pytest

from analysis.asks import HttpCall
from rollouts.core.errors import HiccupError
from rollouts.shell.asks.http import Http
from rollouts.shell.asks.reach import Reach
from tests.plane.fixtures import AnyPlane

pytestmark = pytest.mark.realplane
HERE = Reach("http://127.0.0.1:1")  # a machine of one's own: the loopback may be asked


async def asked(plane: AnyPlane, *, insecure: bool) -> int:
    http = Http(100_000, HERE)
    call = HttpCall(f"{plane.admin.url}/version", headers=(("Authorization", "Bearer x"),), insecure=insecure)
    try:
        return (await http.ask(call, 10.0)).status
    finally:
        await http.close()


async def test_a_server_with_a_certificate_of_its_own_making_is_told_nothing(real_plane: AnyPlane) -> None:
    with pytest.raises(HiccupError, match="certificate"):
        await asked(real_plane, insecure=False)


async def test_whoever_says_insecure_is_believed(real_plane: AnyPlane) -> None:
    assert await asked(real_plane, insecure=True) in (200, 401)
