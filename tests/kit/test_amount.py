import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.kit import amount


@pytest.mark.parametrize(
    ("value", "total", "up", "down"),
    [("25%", 10, 3, 2), ("25", 10, 3, 2), (3, 10, 3, 3), ("0%", 7, 0, 0), ("100%", 7, 7, 7)],
)
def test_percentages_round_in_the_direction_asked_for(value, total, up, down):
    assert (up, down) == (amount.resolve_up(value, total), amount.resolve_down(value, total))


@pytest.mark.parametrize("value", [-1, True, "abc", "25 %", "-5%", "", "٢5%", "1e9"])
def test_what_is_no_amount_is_refused(value):
    with pytest.raises(ValueError, match=r"is not a count|negative"):
        amount.parse(value)


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(1, 10**9))
def test_a_share_is_rounded_up_exactly(total, part, whole):
    share = amount.ceil_share(total, part, whole)

    assert (share - 1) * whole < total * part <= share * whole or share == 0 == total * part
