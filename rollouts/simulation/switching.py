"""Stories of blue-green: a Service that turns at once, what is judged before and after, and changes of the strategy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollouts.simulation.scenario import LATEST_HASH, PROMOTED, RETURNED, Scenario

_JUDGED = {"templates": [{"templateName": "success"}], "args": [LATEST_HASH]}
BEFORE: Mapping[str, Any] = {"prePromotionAnalysis": _JUDGED}
AFTER: Mapping[str, Any] = {"postPromotionAnalysis": _JUDGED}
LONG_AFTER: Mapping[str, Any] = {
    "postPromotionAnalysis": {"templates": [{"templateName": "enduring"}], "args": [LATEST_HASH]}
}
HELD: Mapping[str, Any] = {"autoPromotionEnabled": False}
GOOD, BAD = {"web:2": "1", "web:3": "1"}, {"web:2": "0.5", "web:3": "1"}

SWITCHES: tuple[Scenario, ...] = (
    Scenario("switch", "A good image takes over at once, and the former pods leave after their delay.",
        """when healthy: set image web:2
           when healthy on web:2: end""", PROMOTED, blue_green={}),
    Scenario("switch-judged", "A small preview passes, grows, takes over, and passes once more.",
        """when healthy: set image web:2
           when healthy on web:2: end""", PROMOTED, blue_green={**BEFORE, **AFTER, "previewReplicaCount": 1},
        metrics=GOOD),
    Scenario("switch-fails-before", "The analysis before the switch fails: the traffic never moves.",
        """when healthy: set image web:2
           when aborted, after 60s: end""", RETURNED, blue_green=BEFORE, metrics=BAD),
    Scenario("switch-fails-after", "The analysis after the switch fails: the Service turns back, then pods leave.",
        """when healthy: set image web:2
           when aborted, after 60s: end""", RETURNED, blue_green={**AFTER, "scaleDownDelaySeconds": 0}, metrics=BAD),
    Scenario("switch-held", "Without auto promotion a person looks at the preview, and promotes.",
        """when healthy: set image web:2
           when paused, after 60s: promote
           when healthy on web:2: end""", PROMOTED, blue_green=HELD),
    Scenario("switch-timed", "autoPromotionSeconds end the pause.",
        """when healthy: set image web:2
           when healthy on web:2: end""", PROMOTED, blue_green={"autoPromotionSeconds": 20}),
    Scenario("switch-promote-full", "A person skips the pause and the analysis after it.",
        """when healthy: set image web:2
           when paused: promote full
           when healthy on web:2: end""", PROMOTED, blue_green={**HELD, **AFTER}, metrics=BAD),
    Scenario("switch-abort-retry", "A person aborts a preview, tries again, and promotes.",
        """when healthy: set image web:2
           when paused: abort
           when aborted, after 5s: retry
           when paused, after 5s: promote
           when healthy on web:2: end""", PROMOTED, blue_green=HELD),
    Scenario("switch-abort-after", "A person aborts while the analysis after the switch is asking.",
        """when healthy: set image web:2
           when a run is Running, after 2s: abort
           when aborted, after 40s: end""", RETURNED, blue_green=LONG_AFTER, metrics=GOOD),
    Scenario("switch-revision", "A third version replaces the second while that is looked at.",
        """when healthy: set image web:2
           when paused: set image web:3
           when paused, after 200s: promote
           when healthy on web:3: end""", ("healthy on web:3", "weight 0"), blue_green=HELD),
    Scenario("switch-revision-after", "A third version replaces the second while that is judged under traffic.",
        """when healthy: set image web:2
           when a run is Running, after 2s: set image web:3
           when healthy on web:3: end""", ("healthy on web:3", "weight 0"), blue_green=LONG_AFTER, metrics=GOOD),
    Scenario("switch-revert", "The old image comes back while the new one is judged under traffic.",
        """when healthy: set image web:2
           when a run is Running, after 2s: set image web:1
           when healthy on web:1, after 60s: end""", ("healthy on web:1", "weight 0"),
        blue_green=LONG_AFTER, metrics=GOOD),
    Scenario("switch-return", "The former version is still up: it takes over without a pause.",
        """when healthy: set image web:2
           when paused: promote
           when healthy on web:2, after 60s: set image web:1
           when healthy on web:1: end""", ("healthy on web:1", "weight 0"),
        blue_green={**HELD, "scaleDownDelaySeconds": 150}),
    Scenario("switch-scaled", "An autoscaler doubles the pods while a small preview is looked at.",
        """when healthy: set image web:2
           when paused: scale 8
           when paused, after 10s: promote
           when healthy on web:2: end""", (*PROMOTED, "replicas 8 available"),
        blue_green={**HELD, "previewReplicaCount": 2}),
    Scenario("switch-preview-dies", "All pods of the new version die right after the switch, and come back.",
        """when healthy: set image web:2
           when weight 100: kill canary pods
           when healthy on web:2: end""", PROMOTED, blue_green=AFTER, metrics=GOOD),
    Scenario("switch-deleted", "The Rollout is deleted while the new version is looked at.",
        """when healthy: set image web:2
           when paused: delete rollout
           when gone: end""", ("gone", "services are bare"), blue_green=HELD),
    Scenario("canary-to-switch", "In the middle of a canary the strategy becomes blue-green.",
        """when healthy: set image web:2
           when paused at step 3: become blue-green
           when healthy on web:2, after 60s: end""", PROMOTED),
    Scenario("switch-to-canary", "While a preview is looked at the strategy becomes a canary.",
        """when healthy: set image web:2
           when paused: become a canary
           when healthy on web:2, after 60s: end""", PROMOTED, blue_green=HELD),
    Scenario("switch-to-canary-after", "While the new version is judged under traffic the strategy becomes a canary.",
        """when healthy: set image web:2
           when a run is Running, after 2s: become a canary
           when healthy on web:2, after 60s: end""", PROMOTED, blue_green=LONG_AFTER, metrics=GOOD),
)  # fmt: skip
