"""The same random programs on both servers: status codes, reasons, field causes, objects and owners agree."""

from __future__ import annotations

import pytest

from tests.conformance.conftest import open_api
from tests.conformance.programs import Runner, program

SEEDS = range(24)


@pytest.mark.realplane
@pytest.mark.parametrize("seed", SEEDS)
def test_both_servers_answer_a_program_alike(seed: int, request: pytest.FixtureRequest):
    calls = program(seed)
    ours, theirs = (Runner(open_api(server, request, f"program-{seed}")).run(calls) for server in ("devplane", "real"))

    for index, (call, mine, real) in enumerate(zip(calls, ours, theirs, strict=True)):
        assert mine == real, f"call {index}: {call}"


def test_a_program_is_the_same_every_time():
    assert [str(call) for call in program(7)] == [str(call) for call in program(7)]
