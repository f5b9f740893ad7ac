"""Stories of a Deployment whose template a Rollout takes, and of its pods."""

from __future__ import annotations

from rollouts.simulation.scenario import PROMOTED, Scenario

HANDOVERS: tuple[Scenario, ...] = (
    Scenario("workload-stays", "The Deployment gives its template and keeps its pods.",
        """when healthy: set image web:2
           when healthy on web:2: end""", (*PROMOTED, "the workload has 4"), workload="never"),
    Scenario("workload-onsuccess", "Its pods leave once the first version is whole, and a new image walks the steps.",
        """when healthy, after 5s: set image web:2
           when healthy on web:2: end""", (*PROMOTED, "the workload has 0"), workload="onsuccess"),
    Scenario("workload-progressively", "Its pods leave one by one as those of the Rollout come.",
        """when healthy, after 5s: set image web:2
           when healthy on web:2: end""", (*PROMOTED, "the workload has 0"), workload="progressively",
        pods={"1.ready": "5"}),
    Scenario("workload-changes-midway", "Another template comes from the Deployment in the middle of an update.",
        """when healthy, after 5s: set image web:2
           when paused at step 3: set image web:3
           when healthy on web:3: end""", ("healthy on web:3", "weight 0"), workload="onsuccess"),
    Scenario("workload-scaled-up", "Somebody scales the Deployment up again, in the middle of a later update.",
        """when healthy, after 5s: set image web:2
           when paused at step 3: scale the workload 3
           when healthy on web:2: end""", (*PROMOTED, "the workload has 0"), workload="onsuccess"),
    Scenario("workload-gone-midway", "The Deployment is deleted at 20 %: all stands still until it is back.",
        """when healthy: set image web:2
           when paused at step 3: delete deployment
           when degraded, after 60s: create deployment
           when healthy on web:1: end""", ("healthy on web:1", "weight 0"), workload="never"),
    Scenario("workload-restored", "The Rollout is deleted: its pods leave once the Deployment has its own again.",
        """when healthy, after 40s: delete rollout
           when gone, after 10s: end""", ("gone", "services are bare", "the workload has 4"), workload="onsuccess"),
    Scenario("workload-restored-midway", "The same in the middle of an update.",
        """when healthy, after 5s: set image web:2
           when paused at step 3: delete rollout
           when gone, after 10s: end""", ("gone", "services are bare", "the workload has 4"), workload="progressively"),
)  # fmt: skip
