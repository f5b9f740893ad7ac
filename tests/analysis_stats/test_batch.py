"""Many replicates at once come to what the judge itself says of each, fed with lines of JSON."""

from __future__ import annotations

import pytest

from analysis.compare.terms import Terms
from benchmarks.judging import batch
from benchmarks.judging.gains import gathered
from benchmarks.judging.judges import Outcome
from benchmarks.judging.many import streamed
from benchmarks.judging.worlds import SCENARIOS

HARD = ["N1", "N7", "N7-30", "N8-0.3", "N9", "N10", "N11", "N12", "N14", "N15", "N16", "R1-2"]


@pytest.mark.parametrize("has_past", [True, False], ids=["with history", "without"])
@pytest.mark.parametrize("name", HARD)
def test_a_replicate_among_others_ends_as_it_does_alone(name, has_past):
    scenario = SCENARIOS[name]
    worlds = [scenario.world(seed) for seed in (41, 42, *([511, 540] if name == "N7-30" else []))]
    terms = Terms(warm_up_s=scenario.warm_up_s)
    gains, past = gathered(worlds, scenario, has_past=has_past)
    together = [Outcome(each.abort_s, each.promote_s, each.null.value) for each in batch.play(gains, terms, past)]

    assert together == [streamed(scenario, world, terms, has_past=has_past) for world in worlds]
