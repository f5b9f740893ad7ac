"""The stories: what is given, what people do and when, how it must end. One literal table that anybody can read."""

from __future__ import annotations

from rollouts.simulation.handover import HANDOVERS
from rollouts.simulation.living import LIVES
from rollouts.simulation.plugged import PLUGGED
from rollouts.simulation.routing import ROUTES
from rollouts.simulation.scenario import DOUBTED, HELD, JUDGED, LONG_JUDGED, PROMOTED, RETURNED, Scenario
from rollouts.simulation.sizing import SIZES
from rollouts.simulation.switching import SWITCHES
from rollouts.simulation.trials import TRIALS

SCENARIOS: tuple[Scenario, ...] = (
    Scenario("first-deploy", "The first version is there at once: no steps, no weight.",
        "when healthy: end", ("healthy on web:1", "weight 0")),
    Scenario("good-canary", "A good image walks 5, 20, 50 % and is promoted.",
        """when healthy: set image web:2
           when healthy on web:2: end""", PROMOTED),
    Scenario("judged-canary", "A good image passes an inline and a background analysis.",
        """when healthy: set image web:2
           when healthy on web:2: end""", PROMOTED, steps=JUDGED, background=True, metrics={"web:2": "1"}),
    Scenario("bad-release", "Too many errors at 20 %: the inline analysis fails and all traffic goes back.",
        """when healthy: set image web:2
           when aborted: end""", RETURNED, steps=JUDGED, metrics={"web:2": "0.5"}),
    Scenario("bad-background", "The background analysis fails in the middle of a pause.",
        """when healthy: set image web:2
           when aborted: end""", RETURNED, background=True, metrics={"web:2": "0.5"}),
    Scenario("held-and-promoted", "A pause without end waits for a person.",
        """when healthy: set image web:2
           when paused at step 1, after 60s: promote
           when healthy on web:2: end""", PROMOTED, steps=HELD),
    Scenario("promote-full", "A person skips the rest.",
        """when healthy: set image web:2
           when paused at step 1: promote full
           when healthy on web:2: end""", PROMOTED, steps=HELD),
    Scenario("abort-and-retry", "A person aborts at 20 %, tries again, and it goes through.",
        """when healthy: set image web:2
           when paused at step 3, after 2s: abort
           when aborted, after 45s: retry
           when healthy on web:2: end""", PROMOTED),
    Scenario("retry-at-once", "The retry comes while the canary still has its pods.",
        """when healthy: set image web:2
           when paused at step 3: abort
           when aborted, after 3s: retry
           when healthy on web:2: end""", PROMOTED),
    Scenario("new-revision-midway", "A third version replaces the second in the middle of its update.",
        """when healthy: set image web:2
           when paused at step 3: set image web:3
           when healthy on web:3: end""", ("healthy on web:3", "weight 0")),
    Scenario("revert-midway", "The old image comes back at 20 %: nothing is to be proved again.",
        """when healthy: set image web:2
           when paused at step 3: set image web:1
           when healthy on web:1, after 60s: end""", ("healthy on web:1", "weight 0")),
    Scenario("revert-after-abort", "Aborted, then reverted in the spec: healthy at once.",
        """when healthy: set image web:2
           when paused at step 3: abort
           when aborted: set image web:1
           when healthy on web:1: end""", ("healthy on web:1", "weight 0")),
    Scenario("fix-forward-after-abort", "After an abort a better version goes through by itself.",
        """when healthy: set image web:2
           when paused at step 1: abort
           when aborted, after 5s: set image web:3
           when healthy on web:3: end""", ("healthy on web:3", "weight 0")),
    Scenario("template-appears", "The analysis template is missing, then it is created: the Rollout heals by itself.",
        """when degraded, after 10s: create success
           when healthy: set image web:2
           when healthy on web:2: end""", PROMOTED, steps=JUDGED, metrics={"web:2": "1"}, absent=("success",)),
    Scenario("service-appears", "The canary Service is missing, then it is created.",
        """when degraded, after 10s: create canary
           when healthy: set image web:2
           when healthy on web:2: end""", PROMOTED, absent=("canary",)),
    Scenario("scale-up-midway", "A person doubles the pods in the middle of an update.",
        """when healthy: set image web:2
           when paused at step 3: scale 8
           when healthy on web:2: end""", (*PROMOTED, "replicas 8 available")),
    Scenario("scale-down-midway", "A person halves the pods in the middle of an update.",
        """when healthy: set image web:2
           when paused at step 3: scale 2
           when healthy on web:2: end""", (*PROMOTED, "replicas 2 available")),
    Scenario("scale-and-image", "Replicas and image change together.",
        """when healthy: scale 6 and set image web:2
           when healthy on web:2: end""", (*PROMOTED, "replicas 6 available")),
    Scenario("scale-while-aborted", "A person scales an aborted Rollout: the stable version follows.",
        """when healthy: set image web:2
           when paused at step 3: abort
           when aborted: scale 6
           when replicas 6 available: end""", RETURNED),
    Scenario("delete-midway", "The Rollout is deleted at 20 %.",
        """when healthy: set image web:2
           when paused at step 3: delete rollout
           when gone: end""", ("gone", "services are bare")),
    Scenario("recreated-midway", "The Rollout is deleted and created again under its name within a watch gap.",
        """when healthy: set image web:2
           when paused at step 3: recreate
           when healthy on web:1, after 60s: end""", ("healthy on web:1", "weight 0")),
    Scenario("no-replicas", "A Rollout without pods takes a new image.",
        """when healthy: set image web:2
           when healthy on web:2: end""", PROMOTED, replicas=0),
    Scenario("default-replicas", "replicas is left out: the controller writes 1.",
        """when healthy: set image web:2
           when healthy on web:2: end""", (*PROMOTED, "replicas 1 available"), replicas=None),
    Scenario("no-steps", "A canary without steps shifts all at once, when all its pods are there.",
        """when healthy: set image web:2
           when healthy on web:2: end""", PROMOTED, steps=()),
    Scenario("never-ready", "The new version never becomes ready: no traffic, until a person gives up.",
        """when healthy: set image web:2
           when two versions, after 30s: abort
           when aborted: end""", RETURNED, pods={"2.ready": "never"}),
    Scenario("canary-dies", "All canary pods die at 20 %; they come back and the update goes on.",
        """when healthy: set image web:2
           when paused at step 3: kill canary pods
           when healthy on web:2: end""", PROMOTED),
    Scenario("manual-pause", "A person holds the Rollout with spec.paused, and lets it go.",
        """when healthy: set image web:2
           when paused at step 1: pause
           when paused at step 1, after 30s: resume
           when healthy on web:2: end""", PROMOTED),
    Scenario("steps-change-midway", "Other steps in the middle of an update: it begins again.",
        """when healthy: set image web:2
           when paused at step 3: set steps 10 40
           when healthy on web:2: end""", PROMOTED),
    Scenario("abort-when-done", "An abort without an update does nothing.",
        """when healthy: set image web:2
           when healthy on web:2, after 60s: abort
           when healthy on web:2, after 5s: end""", ("weight 0", "replicas 4 available")),
    Scenario("inconclusive-promoted", "The analysis comes to no verdict: a person looks, and promotes.",
        """when healthy: set image web:2
           when paused at step 1, after 20s: promote
           when healthy on web:2: end""", PROMOTED, steps=DOUBTED, metrics={"web:2": "0.7"}),
    Scenario("inconclusive-aborted", "The analysis comes to no verdict: a person looks, and aborts.",
        """when healthy: set image web:2
           when paused at step 1, after 20s: abort
           when aborted: end""", RETURNED, steps=DOUBTED, metrics={"web:2": "0.7"}),
    Scenario("abort-twice", "Aborted, tried again, aborted again: the canary keeps its pods for the delay each time.",
        """when healthy: set image web:2
           when paused at step 3: abort
           when aborted, after 5s: retry
           when paused at step 3: abort
           when aborted: end""", RETURNED),
    Scenario("abort-while-judged", "A person aborts while the analysis is still asking.",
        """when healthy: set image web:2
           when a run is Running, after 2s: abort
           when aborted: end""", RETURNED, steps=LONG_JUDGED, metrics={"web:2": "1"}),
    Scenario("revision-while-judged", "A third version comes while the second is still being judged.",
        """when healthy: set image web:2
           when a run is Running, after 2s: set image web:3
           when healthy on web:3: end""", ("healthy on web:3", "weight 0"), steps=LONG_JUDGED),
    Scenario("stable-dies", "All stable pods die at 20 %; they come back and the update goes on.",
        """when healthy: set image web:2
           when paused at step 3: kill stable pods
           when healthy on web:2: end""", PROMOTED),
    Scenario("kept-canary", "abortScaleDownDelaySeconds 0 keeps the aborted canary for whoever looks into it.",
        """when healthy: set image web:2
           when paused at step 3: abort
           when aborted, after 60s: end""", (*RETURNED, "two versions run"),
        extra={"abortScaleDownDelaySeconds": 0}),
    Scenario("thousandths", "Weights out of 1000.",
        """when healthy: set image web:2
           when paused at step 1: promote
           when healthy on web:2: end""", PROMOTED, steps=({"setWeight": 5}, {"pause": {}}, {"setWeight": 500}),
        extra={"trafficRouting": {"nginx": {"stableIngress": "web"}, "maxTrafficWeight": 1000}}),
    Scenario("provider-down", "The metrics source is down: errors, then an abort.",
        """when healthy: set image web:2
           when aborted: end""", RETURNED, steps=JUDGED, metrics={"web:2": "error"}),
    Scenario("provider-hangs", "The metrics source never answers: time-outs, then an abort.",
        """when healthy: set image web:2
           when aborted: end""", RETURNED, steps=JUDGED, metrics={"web:2": "hang"}),
    Scenario("no-data", "An empty result is an error, not a success.",
        """when healthy: set image web:2
           when aborted: end""", RETURNED, steps=JUDGED, metrics={"web:2": "empty"}),
    Scenario("two-ingresses", "Two stable Ingresses get one canary each, and both agree at every step.",
        """when healthy: set image web:2
           when healthy on web:2: end""", PROMOTED, ingresses=("web", "shop")),
    Scenario("run-alone", "An AnalysisRun without a Rollout runs to its verdict.",
        """when healthy: create run
           when a run is Successful: end""", ("a run is Successful",), metrics={"*": "1"}),
    Scenario("run-alone-fails", "An AnalysisRun without a Rollout fails.",
        """when healthy: create run
           when a run is Failed: end""", ("a run is Failed",), metrics={"*": "0.1"}),
    Scenario("told-by-number", "The generation is told as a number, through an abort and another try.",
        """when healthy: set image web:2
           when paused at step 3, after 2s: abort
           when aborted, after 45s: retry
           when healthy on web:2: end""", PROMOTED, compat="int"),
    Scenario("told-by-conditions", "Each condition tells its generation, through a refusal and an update.",
        """when degraded, after 10s: create canary
           when healthy: set image web:2
           when healthy on web:2: end""", PROMOTED, absent=("canary",), compat="kstatus"),
    *SIZES,
    *SWITCHES,
    *HANDOVERS,
    *LIVES,
    *TRIALS,
    *PLUGGED,
    *ROUTES,
)  # fmt: skip


def scenario(name: str) -> Scenario:
    """The scenario of that name. Raises KeyError."""
    return {one.name: one for one in SCENARIOS}[name]
