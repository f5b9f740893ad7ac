"""What a cluster does by itself: ReplicaSets, Deployments, Jobs, pods, EndpointSlices, garbage collection.

Lives here: controllers over a Store, each `step(world, ref, now) -> when to look again`; the caller keeps time.
Never here: a clock, a socket, or anything about a canary. Read `controllers.py` first.
"""

from rollouts.devplane.builtin.controllers import CONTROLLERS, Builtins, Controller
from rollouts.devplane.builtin.pods import PREFIX, PodLife

__all__ = ["CONTROLLERS", "PREFIX", "Builtins", "Controller", "PodLife"]
