from hypothesis import given
from hypothesis import strategies as st

from rollouts.kit import backoff


@given(st.integers(1, 1000), st.text(max_size=5))
def test_a_delay_is_bounded_by_its_cap_and_jitter(attempt, seed):
    delay_s = backoff.delay_s(attempt, first_s=0.1, cap_s=30, seed=seed)

    assert 0.08 <= delay_s <= 36


def test_two_keys_do_not_return_together():
    delays = {backoff.delay_s(3, first_s=1, cap_s=60, seed=f"key-{n}") for n in range(100)}

    assert len(delays) > 90
