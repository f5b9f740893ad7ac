"""The AnalysisRun: its metrics are asked, its answers judged, its verdict remembered.

Lives here: gather and reconcile of one run, with a Rollout or without, and the shape of its status.
Never here: what a measurement means (that is `analysis`), what a Rollout makes of the verdict, and any I/O.
Read `reconcile.py` first.
"""

from rollouts.runs.reconcile import reconcile
from rollouts.runs.rules import judge
from rollouts.runs.seen import RunSeen, gather

__all__ = ["RunSeen", "gather", "judge", "reconcile"]
