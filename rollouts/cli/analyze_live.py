"""A service's own traffic out of a Prometheus server, for the commands that try plans and thresholds on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from analysis.baseline import Baseline
    from analysis.compare.samples import Series

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--requests", default="", metavar="SELECTOR", help="With it: raw counters of all the service's pods."),
    click.option("--bad", default="", metavar="MATCHERS", help='With it: which count bad requests, as code=~"5..".'),
    click.option("--pod-label", default="pod", help="With it: the label that tells pods apart (pod)."),
    click.option("--over", default="1h", metavar="TIME", help="With it: how far back (1h)."),
)


def options(function: F) -> F:
    """The options that say what to read of a service, below the one that names the server."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def raw(address: str, selector: str, ends_s: float, seconds: float) -> tuple[Series, ...]:
    """The raw samples of so many seconds before a moment. Raises AnalysisError. Needs the extra "fetch"."""
    from analysis.compare.samples import read
    from analysis.fetch import fetch
    from analysis.providers import Surroundings
    from analysis.providers.prometheus import ask, data_of

    query = f"{selector}[{round(seconds)}s] @ {ends_s:.0f}"
    return read(data_of(fetch(ask({"address": address, "query": query}, Surroundings(ends_s)))))


def baseline(address: str, asked: Mapping[str, Any], every_s: float) -> Baseline:
    """What the service does there.

    asked: the options.  Raises ValueError for options that are missing or wrong, AnalysisError without an answer."""
    from analysis.baseline import measured
    from analysis.compare.spec import read_comparison
    from analysis.errors import AnalysisError
    from rollouts.cli.analyze import seconds_of

    for name in ("requests", "bad"):
        if not asked[name]:
            raise ValueError(f"missing option '--{name}': a server is asked for the service's own counters")
    over_s = seconds_of(str(asked["over"]))
    spec = {"canary": asked["requests"], "stable": asked["requests"], "bad": asked["bad"]}
    try:
        terms = read_comparison({**spec, "podLabel": asked["pod_label"]})
    except AnalysisError as error:
        raise ValueError(str(error)) from None
    return measured(terms, raw(address, str(asked["requests"]), time.time(), over_s), every_s)
