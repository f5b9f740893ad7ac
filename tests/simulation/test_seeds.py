"""Seeds: faults of every kind at drawn moments; and those that once failed, for ever."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from rollouts.simulation.faults import Fault, Weather, What
from rollouts.simulation.runner import Run, matrix, of_seed, play
from rollouts.simulation.workload import scenario
from tests.simulation.aside import Aside

FIXED = range(100)
ONCE_FAILED = (
    ("recreated-midway", 580),  # a removed Ingress was made again and again for a Rollout that was gone: S34
    ("recreated-midway", 1245),
    ("recreated-midway", 1735),
    ("fix-forward-after-abort", 397),  # a stranger's weight was taken back to a stable version that lacked a pod
    ("revert-after-abort", 11),  # an abort that was not remembered yet set its deadline anew at every turn
    ("bad-background", 809),  # a verdict that arrived at the very instant of a decision
)
SHRUNKEN = (
    # A retry could not take the first abort's deadline away unseen; the second abort found it spent: S22.
    Run(
        "aborted-appMesh",
        Weather(0.02, {"ReplicaSet": 0.001, "Service": 0.2, "Rollout": 0.01}, restart_s=0.5, standby=True, seed=3190),
        (
            Fault(What.CRASH, 4829),
            Fault(What.NOT_FOUND, 14),
            Fault(What.STALL, 16294, 70.0, "ReplicaSet"),
            Fault(What.CRASH_BEFORE, 36),
        ),
    ),
    # A stranger's weight of a moment ago, which nobody had been told of yet, was held against a shrinking set.
    Run(
        "dynamic-revision",
        Weather(0.02, {"Rollout": 0.05, "ReplicaSet": 0.05, "Service": 0.2, "Ingress": 1.0}, set_lag_s=0.3,
                pod_ready_s=3.0, restart_s=20.0, seed=3241),
        (Fault(What.DRIFT, 23603, about="7"),),
    ),
    # After a long absence one refusal to make the ReplicaSet was enough to call the update late.
    Run(
        "unrouted-late",
        Weather(0.002, restart_s=20.0, set_lag_s=0.3, pod_ready_s=0.1, seed=3388),
        (Fault(What.CRASH_BEFORE, 8), Fault(What.CONFLICT, 10), Fault(What.NOT_FOUND, 12)),
    ),
)  # fmt: skip


def told(run: Run) -> str:
    outcome = play(run)
    return "\n".join([str(run), *outcome.story, *map(str, outcome.problems)]) if outcome.problems else ""


@pytest.mark.parametrize("batch", [FIXED[start : start + 20] for start in range(0, len(FIXED), 20)], ids=str)
def test_a_batch_of_fixed_seeds(batch: range) -> None:
    assert [seed for seed in batch if told(of_seed(seed))] == []


@pytest.mark.parametrize(("name", "seed"), ONCE_FAILED)
def test_a_seed_that_once_failed(name: str, seed: int) -> None:
    assert told(of_seed(seed, [scenario(name)])) == ""


@pytest.mark.parametrize("run", SHRUNKEN, ids=lambda run: str(run.scenario))
def test_a_story_that_once_failed(run: Run) -> None:
    assert told(run) == ""


@pytest.mark.parametrize("name", ["delete-midway", "bad-release"])
def test_a_crash_at_every_call_changes_nothing(name: str) -> None:
    assert [str(run.faults[0]) for run in matrix(name) if play(run).problems] == []


def test_a_seed_replays_whatever_the_hash_seed() -> None:
    program = "from rollouts.simulation.runner import *; print(*(play(of_seed(seed)).hash for seed in (3, 41)))"
    traces = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }

    assert len(traces) == 1


@pytest.mark.slow
def test_two_thousand_seeds(aside: Aside) -> None:
    code, said = aside.end()

    assert code == 0, said
    assert "2000 seeds" in said


@pytest.mark.slow
def test_the_whole_crash_matrix(aside: Aside) -> None:
    code, said = aside.end()

    assert code == 0, said
    assert "runs of the matrix of crashes" in said
