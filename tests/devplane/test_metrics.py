"""The query API on the wire, asked by the stock client, and compared with the real Prometheus where there is one."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest
from aiohttp import ClientSession, web
from prometheus_api_client import PrometheusConnect

from rollouts.devplane.metrics import PrometheusApi, SeriesStore
from rollouts.devplane.promeval import evaluate
from rollouts.devplane.promql import parse
from tests.plane.leftout import leave_out
from tests.plane.traffic import find_prometheus, remembering

NOW_S = 1_700_000_000.0
STEP_S = 5.0
SAMPLES = 120
QUERIES = (
    "requests",
    'requests{code=~"2.*|3.*"}',
    'requests{code!="200"} offset 1m',
    "rate(requests[1m])",
    "increase(requests[47s])",
    "irate(requests[1m])",
    "sum(rate(requests[2m])) by (version)",
    "sum without (code) (rate(requests[2m]))",
    'sum(rate(requests{code!~"5.."}[1m])) / sum(rate(requests[1m]))',
    'sum(rate(requests{version="v2",code=~"5.."}[1m])) / sum(rate(requests{version="v2"}[1m])) < 0.2',
    "avg(requests) - min(requests) * 2 + max(requests) % 7",
    "histogram_quantile(0.9, sum(rate(took_bucket[3m])) by (le))",
    "avg_over_time(requests[33s])",
    "max_over_time(requests[1m]) - min_over_time(requests[1m])",
    "count_over_time(requests[52s])",
    'requests and on (version) requests{code="500"}',
    'requests unless requests{code="500"}',
    "requests > bool 100",
    '-requests{code="200"} ^ 2',
    'requests{version="v1",code="200"} / ignoring (code) requests{version="v1",code="500"}',
    "vector(1) / 0",
    'absent(requests{code="418"})',
    "clamp_min(rate(requests[1m]), 1)",
    "scalar(sum(requests)) * 2",
)


def samples() -> Iterator[tuple[float, list[tuple[str, dict[str, str], float]]]]:
    """Ten minutes of counters that grow unevenly; one of them starts again half-way."""
    for index in range(SAMPLES):
        at_s = NOW_S - (SAMPLES - index) * STEP_S + 2.5
        grown = index * 7 + (index % 5) * 2
        again = (index - 60) * 3 if index >= 60 else index * 2
        yield (
            at_s,
            [
                ("requests", {"version": "v1", "code": "200"}, float(grown * 10)),
                ("requests", {"version": "v1", "code": "500"}, float(index // 4)),
                ("requests", {"version": "v2", "code": "200"}, float(again)),
                ("requests", {"version": "v2", "code": "500"}, float(index % 60 // 6)),
                ("took_bucket", {"le": "0.1"}, float(index * 3)),
                ("took_bucket", {"le": "0.5"}, float(index * 5)),
                ("took_bucket", {"le": "+Inf"}, float(index * 6)),
            ],
        )


@pytest.fixture(scope="module")
def store() -> SeriesStore:
    store = SeriesStore()
    for at_s, counters in samples():
        store.scrape(at_s, counters)
    return store


@pytest.fixture
async def url(store: SeriesStore) -> Iterator[str]:
    application = web.Application()
    application.add_routes(PrometheusApi(store, lambda: NOW_S).routes())
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield "http://{}:{}".format(*runner.addresses[0][:2])
    await runner.cleanup()


async def test_the_stock_client_reads_an_instant_query(url: str):
    import asyncio

    def ask() -> list[dict]:
        return PrometheusConnect(url=url).custom_query("sum(requests) by (version)", params={"time": NOW_S})

    answer = await asyncio.to_thread(ask)

    assert {one["metric"]["version"] for one in answer} == {"v1", "v2"}
    assert all(one["value"][0] == NOW_S and float(one["value"][1]) > 0 for one in answer)


async def test_a_range_query_answers_every_step(url: str):
    query = {"query": "sum(rate(requests[1m]))", "start": NOW_S - 60, "end": NOW_S, "step": "15s"}
    async with ClientSession() as session, session.post(f"{url}/api/v1/query_range", data=query) as response:
        answer = await response.json()

    assert answer["data"]["resultType"] == "matrix"
    assert [at for at, _ in answer["data"]["result"][0]["values"]] == [NOW_S - 60 + 15 * step for step in range(5)]


async def test_a_range_selector_alone_answers_its_raw_samples(url: str):
    query = {"query": "requests[1m]", "time": NOW_S}
    async with ClientSession() as session, session.post(f"{url}/api/v1/query", data=query) as response:
        answer = await response.json()

    assert answer["data"]["resultType"] == "matrix"
    assert all(NOW_S - 60 < at <= NOW_S for series in answer["data"]["result"] for at, _ in series["values"])
    assert answer["data"]["result"]


@pytest.mark.parametrize(
    ("path", "query", "word"),
    [
        ("query", {"query": "sum("}, "parse error"),
        ("query", {}, "parse error"),
        ("query", {"query": "1", "time": "soon"}, "cannot parse"),
        ("query_range", {"query": "1", "start": "0", "end": "1", "step": "0"}, "step"),
        ("query_range", {"query": "1", "start": "0", "end": "999999999", "step": "1"}, "maximum resolution"),
    ],
)
async def test_a_wrong_question_is_bad_data(url: str, path: str, query: dict, word: str):
    async with ClientSession() as session, session.get(f"{url}/api/v1/{path}", params=query) as response:
        answer = await response.json()

    assert response.status == 400
    assert (answer["status"], answer["errorType"]) == ("error", "bad_data")
    assert word in answer["error"]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[str]:
    """A real Prometheus that holds the same samples."""
    program = find_prometheus()
    if program is None:
        leave_out(request.config, "Prometheus", "neither on the PATH nor beside the plane's binaries")
    folder = tmp_path_factory.mktemp("prometheus")
    lines = ["# TYPE requests gauge", "# TYPE took_bucket gauge"]
    told: dict[str, list[str]] = {}
    for at_s, counters in samples():
        for name, labels, value in counters:
            shown = ",".join(f'{key}="{text}"' for key, text in labels.items())
            told.setdefault(name, []).append(f"{name}{{{shown}}} {value} {at_s}")
    text = "\n".join(line for head, name in zip(lines, sorted(told), strict=True) for line in (head, *told[name]))
    with remembering(program, folder, text + "\n# EOF\n") as url:
        yield url


@pytest.mark.parametrize("query", QUERIES)
def test_the_real_prometheus_gives_the_same_answer(store: SeriesStore, prometheus: str, query: str):
    asked = urllib.parse.urlencode({"query": query, "time": NOW_S})
    with urllib.request.urlopen(f"{prometheus}/api/v1/query?{asked}", timeout=10) as answer:
        data = json.load(answer)["data"]
    ours = evaluate(parse(query), store, NOW_S)

    if data["resultType"] == "scalar":
        assert ours == pytest.approx(float(data["result"][1]))
    else:
        theirs = {frozenset(one["metric"].items()): float(one["value"][1]) for one in data["result"]}
        assert theirs
        assert ours == pytest.approx(theirs, nan_ok=True)
