"""The Experiment: sets of pods that run side by side for a while, and the analyses that judge them.

Lives here: gather and reconcile of one Experiment, whoever made it, and the shape of its status.
Never here: what a measurement means (that is `analysis`), what a Rollout makes of the verdict, and any I/O.
Read `lifecycle.py` first, then `reconcile.py`.
"""

from rollouts.experiments.reconcile import reconcile
from rollouts.experiments.rules import judge
from rollouts.experiments.seen import ExperimentSeen, gather

__all__ = ["ExperimentSeen", "gather", "judge", "reconcile"]
