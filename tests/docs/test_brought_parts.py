"""The examples of parts that other packages bring are whole, and do what the pages say."""

from __future__ import annotations

import textwrap
from itertools import takewhile
from pathlib import Path
from typing import Any

from analysis.asks import HttpReply
from analysis.providers import Provider, Surroundings
from rollouts.core.stepcall import StepCall, StepReply
from rollouts.kube.kinds import ROLLOUT
from rollouts.kube.ref import Ref
from rollouts.traffic import Split, given_back, inplace
from tests.traffic.fixtures import TRAFFIC, an_object

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def example(page: str, first: str) -> dict[str, Any]:
    """What the code of a page defines, from a line on to the end of its block."""
    lines = (REFERENCE / page).read_text().splitlines()
    begins = next(at for at, line in enumerate(lines) if line.strip().startswith(first))
    indent = len(lines[begins]) - len(lines[begins].lstrip())
    ours = takewhile(lambda line: not line.strip() or (line[:indent].isspace() or not indent), lines[begins:])
    block = "\n".join(takewhile(lambda line: not line.startswith("```"), ours))
    found: dict[str, Any] = {}
    exec(textwrap.dedent(block), found)  # our own page
    return found


def test_the_router_of_the_page_moves_traffic_and_gives_it_back() -> None:
    found = example("routers.md", "from rollouts.kube.ref import Kind, Ref")
    dialect, settings = found["DIALECT"], found["DIALECT"].settings({"route": "web"})
    ref, given = Ref(found["EDGE"], "shop", "web"), an_object("example.com/v1", "EdgeRoute", {"canaryPercent": 0})

    (route,) = inplace.find(dialect, settings, TRAFFIC, inplace.Get({ref: given}.get))
    moved = inplace.copied(given)
    moved = dialect.edit(settings, TRAFFIC, moved, Split(20))
    inplace.mark(moved, TRAFFIC, dialect.name, settings, Split(20))
    back = given_back(ref, moved, Ref(ROLLOUT, "shop", "web"), {"edge": dialect})

    assert (route.refusal, route.weight) == ("", 0)
    assert inplace.write(dialect, settings, TRAFFIC, route, Split(20)) is not None
    assert back is not None and any(each["value"] == 0 for each in back.body if each.get("value") is not None)


def test_the_provider_of_the_page_asks_and_reads() -> None:
    provider: Provider = example("providers.md", "from analysis.asks import HttpCall")["PROVIDER"]
    spec = {"address": "http://weather.example", "place": "here"}
    call: Any = provider.ask(spec, Surroundings(0.0))

    assert (call.url, call.params) == ("http://weather.example/now", (("place", "here"),))
    assert provider.read(HttpReply(200, b'{"celsius": 20}'), spec).value == 20.0


def test_the_step_of_the_page_answers() -> None:
    carry_out = example("steps.md", "from rollouts.core.stepcall import StepCall")["carry_out"]
    call = StepCall("example.com/smoke", "Run", 1, 0, {})

    assert carry_out(call) == StepReply("Running", requeue_after_s=15, state={"job": "7"})
