from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.kit.semver import RANGE_CHARS_MAX, Version, span, version

numbers = st.integers(0, 30)
versions = st.builds(Version, numbers, numbers, numbers)


@pytest.mark.parametrize(
    ("wanted", "inside", "outside"),
    [
        ("1.2.3", "1.2.3 v1.2.3 1.2.3+build", "1.2.4 1.2.3-rc1"),
        ("=1.2", "1.2.0 1.2.9", "1.3.0 1.1.9"),
        ("1.x", "1.0.0 1.99.0", "2.0.0 1.0.0-rc1"),
        ("*", "0.0.1 9.9.9", "1.0.0-rc1"),
        ("^1.2.3", "1.2.3 1.9.0", "2.0.0 1.2.2"),
        ("^0.2.3", "0.2.3 0.2.9", "0.3.0"),
        ("^0.0.3", "0.0.3", "0.0.4"),
        ("^0", "0.9.9", "1.0.0"),
        ("~1.2.3", "1.2.3 1.2.9", "1.3.0"),
        ("~1", "1.0.0 1.9.9", "2.0.0"),
        ("~> 1.2", "1.2.0", "1.3.0"),
        (">1.2", "1.3.0 2.0.0", "1.2.9"),
        (">1.2.3", "1.2.4", "1.2.3"),
        (">=1.2", "1.2.0", "1.1.9"),
        ("<1.2", "1.1.9", "1.2.0"),
        ("<=1.2", "1.2.9", "1.3.0"),
        ("!=1.2.3", "1.2.4", "1.2.3"),
        ("!=1.2.x", "1.3.0", "1.2.7"),
        (">=1, <3", "1.0.0 2.9.9", "3.0.0"),
        (">=1 <3", "2.0.0", "3.0.0"),
        ("1.2 - 2", "1.2.0 2.9.9", "3.0.0 1.1.0"),
        ("1.x || 3.x", "1.0.0 3.0.0", "2.0.0"),
        (">=1.0.0-0", "1.0.0-rc1 2.0.0-alpha", "0.9.0"),
        ("1.0.0-rc.2", "1.0.0-rc.2", "1.0.0-rc.1 1.0.0-rc.3 1.0.0"),
        ("~1.0.0-rc.1", "1.0.0-rc.2 1.0.9", "1.1.0 1.0.0-beta"),
    ],
)
def test_a_range_holds_what_it_says(wanted, inside, outside):
    found = span(wanted)

    assert found is not None
    assert [text for text in inside.split() if not found.holds(version(text))] == []
    assert [text for text in outside.split() if found.holds(version(text))] == []


@pytest.mark.parametrize(
    "text",
    ["", "main", "feature/x", "release-1.2", "1.2.3.4", ">", "1 -", "||", "x" * (RANGE_CHARS_MAX + 1), "^", "1..2"],
)
def test_what_is_no_range_is_none(text):
    assert span(text) is None


LONG = "1.0.0-" + "9" * 5000  # more digits than Python reads


@pytest.mark.parametrize(
    "text", ["", "v", "1.2.3.4", "1.2.3-", "1.2.3+", "a.b.c", "1.2.3 ", "-1.0.0", "1.2-a..b", LONG]
)
def test_what_is_no_version_is_none(text):
    assert version(text) is None


def test_pre_releases_are_ordered_as_the_standard_says():
    pres = ("alpha", "alpha.1", "alpha.beta", "beta", "beta.2", "beta.11", "rc.1")
    texts = [*(f"1.0.0-{pre}" for pre in pres), "1.0.0"]

    assert sorted(map(version, reversed(texts))) == [version(text) for text in texts]


@given(versions, versions)
def test_a_caret_stays_within_the_first_number_that_is_not_zero(low, other):
    held = span(f"^{low}").holds(other)
    first = next((index for index, number in enumerate((low.major, low.minor, low.patch)) if number), 2)
    same = (low.major, low.minor, low.patch)[: first + 1] == (other.major, other.minor, other.patch)[: first + 1]

    assert held == (other >= low and same)


@given(st.lists(versions, max_size=10), versions)
def test_the_newest_of_a_range_is_in_it_and_none_is_newer(known, low):
    wanted = span(f">={low}")
    newest = wanted.newest(known)

    assert (newest is None) == (not any(each >= low for each in known))
    assert newest is None or newest == max(known)
