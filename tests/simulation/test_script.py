"""The language of the stories."""

from __future__ import annotations

import pytest

from rollouts.simulation.script import Beat, parse


def test_a_script_reads_as_beats() -> None:
    beats = parse("""
        when healthy: set image web:2
        when paused at step 3, after 2.5s: abort
        when healthy on web:2: end
    """)

    assert beats == (
        Beat("healthy", "set image web:2", 0.5),
        Beat("paused at step 3", "abort", 2.5),
        Beat("healthy on web:2", "end", 0.5),
    )


@pytest.mark.parametrize(
    "text",
    [
        "when healthy: set image web:2",  # no end
        "healthy: end",
        "when it rains: end",
        "when healthy: dance\nwhen healthy: end",
    ],
)
def test_what_nobody_understands_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)
