"""What one look of a comparing metric costs: processor time from the question to the verdict and the memory as text.

    python -m benchmarks.judging.look --rounds 30

A canary pod beside nine stable ones, scraped each ten seconds, five minutes of raw samples a look, sixty looks.
`parsed` starts where the answers of Prometheus are read already, `bytes` where they are text.
The least of all rounds is the least disturbed one.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from typing import Any

from analysis import measuring
from analysis.asks import HttpReply
from analysis.compare import looking
from analysis.model import Metric, MetricState, read_metrics
from analysis.providers import Surroundings
from analysis.verdict import judge
from tests.analysis.fake_prometheus import Service

ASKED = {
    "address": "http://prometheus:9090",
    "canary": "canary_requests_total",
    "stable": "stable_requests_total",
    "bad": 'code=~"5.."',
    "lag": "0s",
}
LOOKS, EACH_S, SCRAPE_S, HISTORY_S = 60, 10.0, 10.0, 700.0


@dataclass(frozen=True, slots=True)
class Look:
    """A moment: when, what Prometheus says then, and what is remembered of the looks before."""

    at_s: float
    replies: tuple[Any, ...]
    state: MetricState


def story(metric: Metric) -> list[Look]:
    """The looks of ten minutes after a history."""
    service, state = Service(scrape_s=SCRAPE_S), MetricState(metric.name)
    service.run(HISTORY_S)
    service.canary = {"canary-0": {}}
    looks = []
    for _ in range(LOOKS + 1):
        asks = measuring.ask(metric, Surroundings(service.now_s, "", state.metadata.get(measuring.MEMORY, "")))
        replies = service.prometheus.answer(asks, service.now_s)
        looks.append(Look(service.now_s, replies, state))
        state = measuring.taken(metric, state, replies, "", service.now_s, service.now_s)[0]
        service.run(EACH_S, 0.01)
    return looks[1:]


def as_text(look: Look) -> Look:
    """The same look with its answers as they come over the wire."""
    bodies = (json.dumps(reply.body, separators=(",", ":")) for reply in look.replies)
    return Look(look.at_s, tuple(HttpReply(200, body.encode()) for body in bodies), look.state)


def cost_ms(metric: Metric, looks: list[Look]) -> float:
    """Milliseconds of processor time a look, on average over the story."""
    began = time.process_time()
    for look in looks:
        looking._kept.cache_clear()  # a controller that judges many metrics has another one's memory there
        measuring.ask(metric, Surroundings(look.at_s, "", look.state.metadata.get(measuring.MEMORY, "")))
        state, _ = measuring.taken(metric, look.state, look.replies, "", look.at_s, look.at_s)
        judge([metric], [state])
    return (time.process_time() - began) * 1000 / len(looks)


def main() -> None:
    """Print both costs."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.judging.look",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=30, help="how often the story is judged (30)")
    rounds = parser.parse_args().rounds
    spec = {"name": "errors", "interval": "10s", "count": LOOKS, "provider": {"comparison": ASKED}}
    metric = read_metrics({"metrics": [spec]})[0]
    parsed = story(metric)
    forms: dict[str, list[Look]] = {"parsed": parsed, "bytes": [as_text(look) for look in parsed]}
    for name, looks in forms.items():
        found = sorted(cost_ms(metric, looks) for _ in range(rounds))
        print(f"{name}: {found[0]:.2f} ms a look at least, {found[len(found) // 2]:.2f} at the median")


if __name__ == "__main__":
    main()
