"""Replica arithmetic against the contract's vectors (traffic routing)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.delivery.scaling import canary_size, pods_needed, share_covered


@pytest.mark.parametrize(
    ("replicas", "weight", "canary"), [(2, 75, 2), (3, 50, 2), (5, 1, 1), (10, 25, 3), (10, 99, 10)]
)
def test_the_contracts_vectors(replicas, weight, canary):
    assert canary_size(replicas, weight, 100) == canary


def test_large_weights_are_exact():
    assert canary_size(1000, 33_333_333, 100_000_000) == 334


@given(st.integers(1, 10_000), st.integers(0, 1000), st.integers(1, 1000))
def test_covered_shares_need_no_more_pods_than_there_are(replicas, available, total):
    share = share_covered(replicas, available, total)

    assert 0 <= share <= total
    assert pods_needed(replicas, share, total) <= max(available, 0)
