"""Many rollouts at once are each what one alone would have been."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.stats.align import Counts, Look
from analysis.stats.fleet import Fleet, play
from analysis.stats.null import Choice, Null
from analysis.stats.sequential import Setup, log_bad, log_ok, start, update


@pytest.mark.parametrize("null", [Null.INDEPENDENT, Null.BURSTS])
@pytest.mark.parametrize("rps", [2, 200])
def test_every_rollout_of_a_fleet_keeps_what_the_judge_would(null, rps):
    rng, looks, rollouts = np.random.default_rng(5), 40, 6
    at_s = [10.0 * (look + 1) for look in range(looks)]
    mark = [look // 15 for look in range(looks)]
    canary, stable = rng.poisson(rps, (rollouts, looks)), rng.poisson(9 * rps, (rollouts, looks))
    fleet = Fleet(at_s, mark, *(each.astype(float) for each in (
        canary, rng.binomial(canary, 0.02), stable, rng.binomial(stable, 0.01))))  # fmt: skip
    setup = Setup(r0=1.05)
    bad, ok = play(fleet, setup, null)
    choice = Choice(null, 0.0, 1.0, "test")
    for rollout in range(rollouts):
        state = start(setup)
        for look in range(looks):
            state = update(state, Look(
                at_s[look], Counts(fleet.canary[rollout, look], fleet.canary_bad[rollout, look]),
                Counts(fleet.stable[rollout, look], fleet.stable_bad[rollout, look]), 1, 9, mark[look]))  # fmt: skip

            assert bad[rollout, look] == pytest.approx(log_bad(state, choice), abs=1e-3)
            assert ok[rollout, look] == pytest.approx(log_ok(state, choice), abs=1e-3)
