"""A call to whoever carries out a step of a canary: the words of the plugin protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rollouts.kube.ref import Manifest

RUN, TERMINATE, ABORT = "Run", "Terminate", "Abort"
TIMEOUT_S = 30.0
STATE_CHARS_MAX = 4096  # of a plugin's own state, as JSON: it is kept in the Rollout's status


@dataclass(frozen=True, slots=True)
class StepCall:
    """One operation of a step plugin, to be answered with a StepReply, or a mapping of the same words.

    operation: Run (may come several times), Terminate (the step was left while it ran) or Abort (the update was
    aborted).  index: of the step.  execution: 0 for the first call of this operation.  config: what the step gives.
    state: what the latest successful reply left.  rollout: the Rollout as it stands.
    """

    plugin: str
    operation: str
    index: int
    execution: int
    rollout: Manifest
    config: Any = None
    state: Any = None
    timeout_s: float = TIMEOUT_S

    @property
    def body(self) -> dict[str, Any]:
        """The call as JSON has it over HTTP."""
        return {
            "plugin": self.plugin,
            "operation": self.operation,
            "index": self.index,
            "execution": self.execution,
            "config": self.config,
            "status": self.state,
            "rollout": self.rollout,
        }


@dataclass(frozen=True, slots=True)
class StepReply:
    """What a plugin says: how far it is, when it wants to be called again while it is Running, and its own state.

    is_disabled: the administrator has switched the plugin off.
    """

    phase: str
    message: str = ""
    requeue_after_s: float | None = None
    state: Any = None
    is_disabled: bool = False
