"""Canary against stable: one judge for the controller, a notebook, a CI job and the benchmark.

    memory = Memory.start(Terms())
    memory, finding = judge(memory, increments, Terms(), history)
    finding.verdict                              # abort, promote or inconclusive; finding.why says it in words

Lives here: the terms of a comparison, what it remembers between looks, its findings, looks as lines of JSON.
Never here: queries, HTTP, the formulas (those are in `analysis.stats`). Read `errors.py`, then `stream.py`.
"""

from __future__ import annotations
