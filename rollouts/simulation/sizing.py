"""Stories of how many pods stand: sizes that steps set, a stable version that shrinks, and no router at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollouts.simulation.scenario import HELD, PROMOTED, RETURNED, Scenario

SCALED: tuple[Mapping[str, Any], ...] = (
    {"setCanaryScale": {"replicas": 3}},
    {"setWeight": 20},
    {"pause": {"duration": "5s"}},
    {"setCanaryScale": {"weight": 50}},
    {"setWeight": 60},
    {"pause": {"duration": "5s"}},
    {"setCanaryScale": {"matchTrafficWeight": True}},
    {"pause": {"duration": "5s"}},
)
DYNAMIC: Mapping[str, Any] = {"dynamicStableScale": True}
UNROUTED: Mapping[str, Any] = {"trafficRouting": None}

SIZES: tuple[Scenario, ...] = (
    Scenario("set-sizes", "Steps set the canary's size apart from its weight, and give it back to the weight.",
        """when healthy: set image web:2
           when healthy on web:2: end""", PROMOTED, steps=SCALED, replicas=5),
    Scenario("dynamic-stable", "The stable version shrinks as its traffic goes.",
        """when healthy: set image web:2
           when healthy on web:2: end""", PROMOTED, replicas=6, extra=DYNAMIC),
    Scenario("dynamic-abort", "A shrunken stable version grows before it gets its traffic back.",
        """when healthy: set image web:2
           when paused at step 5, after 2s: abort
           when aborted, after 20s: end""", (*RETURNED, "replicas 6 available"), replicas=6, extra=DYNAMIC),
    Scenario("dynamic-abort-kept", "The same with a delay for the canary, while an autoscaler is at work.",
        """when healthy: set image web:2
           when paused at step 5, after 2s: abort
           when aborted, after 0.1s: scale 8
           when replicas 8 available, after 20s: end""", RETURNED, replicas=6,
        extra={**DYNAMIC, "abortScaleDownDelaySeconds": 5}),
    Scenario("dynamic-revision", "A third version waits until the shrunken stable one can carry all.",
        """when healthy: set image web:2
           when paused at step 5, after 2s: set image web:3
           when healthy on web:3: end""", ("healthy on web:3", "weight 0"), replicas=6, extra=DYNAMIC),
    Scenario("dynamic-revert", "The old image comes back to a shrunken stable version.",
        """when healthy: set image web:2
           when paused at step 5, after 2s: set image web:1
           when healthy on web:1, after 60s: end""", ("healthy on web:1", "weight 0"), replicas=6, extra=DYNAMIC),
    Scenario("dynamic-promote-full", "A full promotion shifts traffic as pods come.",
        """when healthy: set image web:2
           when paused at step 1: promote full
           when healthy on web:2: end""", PROMOTED, steps=HELD, replicas=6, extra=DYNAMIC),
    Scenario("floor-and-threshold", "Two pods at least, and four of five are enough.",
        """when healthy: set image web:2
           when healthy on web:2: end""", PROMOTED, replicas=5,
        extra={"minPodsPerReplicaSet": 2, "replicaProgressThreshold": {"type": "Percent", "value": 80}}),
    Scenario("few-former-versions", "Of the former versions only one keeps its pods for the delay.",
        """when healthy: set image web:2
           when healthy on web:2: set image web:3
           when healthy on web:3, after 90s: end""", ("healthy on web:3",), steps=(),
        extra={"scaleDownDelaySeconds": 60, "scaleDownDelayRevisionLimit": 1}),
    Scenario("late-and-aborted", "The new version never becomes ready: the deadline gives it up.",
        """when healthy: set image web:2
           when aborted: end""", RETURNED, pods={"2.ready": "never"},
        more={"progressDeadlineSeconds": 120, "progressDeadlineAbort": True}),
    Scenario("unrouted", "Without a router the pods of both versions stand in the ratio of each step.",
        """when healthy: set image web:2
           when healthy on web:2: end""", PROMOTED, replicas=6, extra=UNROUTED),
    Scenario("unrouted-rolling", "Without a router and without steps it is a rolling update.",
        """when healthy: set image web:2
           when healthy on web:2: end""", PROMOTED, replicas=6, extra=UNROUTED, steps=()),
    Scenario("unrouted-tight", "No pod more than wished: the last old one makes room for the last new one.",
        """when healthy: set image web:2
           when healthy on web:2: end""", PROMOTED, replicas=3, extra={**UNROUTED, "maxSurge": 0, "maxUnavailable": 1}),
    Scenario("unrouted-revision", "A third version in the middle: the second leaves first.",
        """when healthy: set image web:2
           when paused at step 5: set image web:3
           when healthy on web:3: end""", ("healthy on web:3",), replicas=6, extra=UNROUTED),
    Scenario("unrouted-abort", "Aborted in the middle: the stable version gets its pods back within the limits.",
        """when healthy: set image web:2
           when paused at step 5: abort
           when aborted, after 20s: end""", ("aborted", "replicas 6 available"), replicas=6, extra=UNROUTED),
    Scenario("unrouted-autoscaled", "An autoscaler changes the wish twice in the middle.",
        """when healthy: set image web:2
           when paused at step 3: scale 10
           when paused at step 5: scale 4
           when healthy on web:2: end""", (*PROMOTED, "replicas 4 available"), replicas=6, extra=UNROUTED),
    Scenario("unrouted-stable-dies", "All stable pods die in the middle of a rolling update.",
        """when healthy: set image web:2
           when paused at step 3: kill stable pods
           when healthy on web:2: end""", PROMOTED, replicas=6, extra=UNROUTED),
    Scenario("unrouted-to-nothing", "Scaled to nothing in the middle, and back.",
        """when healthy: set image web:2
           when paused at step 3: scale 0
           when at step 3, after 5s: scale 6
           when healthy on web:2: end""", (*PROMOTED, "replicas 6 available"), replicas=6, extra=UNROUTED),
    Scenario("unrouted-late", "Without a router the deadline gives up a version that never becomes ready.",
        """when healthy: set image web:2
           when aborted: end""", ("aborted",), pods={"2.ready": "never"}, extra=UNROUTED,
        more={"progressDeadlineSeconds": 20, "progressDeadlineAbort": True}),
    Scenario("image-missing", "The new image cannot be pulled: failFast gives it up long before the deadline.",
        """when healthy: set image web:2
           when aborted: end""", RETURNED, pods={"2.image-error": "true"}, more={"failFast": {"graceSeconds": 15}}),
    Scenario("crash-loop", "The new version crashes in a loop at a pause without end.",
        """when healthy: set image web:2
           when aborted: end""", RETURNED, pods={"2.crash-after": "3"}, steps=HELD, replicas=5,
        more={"failFast": {"graceSeconds": 5}}),
    Scenario("slow-to-count", "Pods count as available only after their least ready time.",
        """when healthy: set image web:2
           when healthy on web:2: end""", PROMOTED, more={"minReadySeconds": 3}),
)  # fmt: skip
