"""Sequential statistics of canary against stable: numbers in, evidence out.

    looks = align(cursor, Snapshot(10.0, canary, stable))   # cumulative counters -> disjoint increments
    state = update(start(Setup()), look)                    # one small frozen value per metric
    e_value(state, choice).bad >= 100                       # false-abort probability <= 1/100, at any number of looks

Lives here: increments, e-processes (counts, histograms, gauges), nulls, decisions, floors, rank tests. Imports stdlib
and numpy. Never here: queries, templates, phases of an AnalysisRun, clocks. Read `sequential.py`, then `decision.py`.
"""

from __future__ import annotations
