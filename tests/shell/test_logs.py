"""Logs: what becomes of a process whose log cannot be written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")
PROGRAM = """
import sys
from rollouts.shell import logs
logs.set_up("info")
for number in range(3):
    logs.info("a line", number=number)
    logs.error("a failure", ValueError("a word"))
sys.stdout.write("done")
"""


@pytest.mark.skipif(not FULL.exists(), reason="this system has no disk that is always full")
def test_a_full_disk_beneath_the_log_stops_nothing() -> None:
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], check=False, stdout=subprocess.PIPE, stderr=full, timeout=60
        )

    assert done.stdout == b"done"
