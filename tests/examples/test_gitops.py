"""The stories of examples/gitops, on the embedded cluster and on a real API server, from a git server."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from rollouts.core.errors import HiccupError
from rollouts.devplane.manifests import examples_folder
from rollouts.shell import tools
from tests.cli.cluster import Cluster
from tests.examples.town import CONTROL, Town
from tests.plane.leftout import leave_out
from tests.realplane.judge import Judge

Opens: TypeAlias = Callable[..., Town]
SHUT_HOURS = 12


@pytest.fixture
def embedded() -> Iterator[Cluster]:
    with Cluster(serves_pods=False) as found:
        yield found


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.realplane)])
def opens(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opens]:
    """Opens an example's town on one cluster or the other."""
    towns: list[Town] = []
    if request.param == "real":
        plane = request.getfixturevalue("played_plane")
        ask, kubeconfig = plane.admin.ask, plane.admin.kubeconfig
    else:
        cluster = request.getfixturevalue("embedded")
        ask = _asks(cluster.url)
        kubeconfig = cluster.do(lambda devplane: devplane.write_kubeconfig(tmp_path / "kubeconfig"))

    def one(example: str, **words: str) -> Town:
        towns.append(Town(ask, Path(kubeconfig), tmp_path, example, words))
        towns[0].begin()
        return towns[0]

    yield one
    for town in towns:
        town.close()


def _asks(url: str) -> Callable[..., Any]:
    def ask(verb: str, path: str, body: object = None, form: str = "application/json") -> Any:
        told = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url + path, told, {"Content-Type": form}, method=verb)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    return ask


def needs(request: pytest.FixtureRequest, program: str) -> None:
    """Have the real program, built where it is missing; without it the story is left out by name."""
    try:
        _ = tools.find(program) or tools.install(program)
    except HiccupError as error:
        leave_out(request.config, program, str(error))


def test_every_example_tells_its_story() -> None:
    folders = sorted(path for path in (examples_folder() / "gitops").iterdir() if path.is_dir())

    assert [path.name[:3] for path in folders] == ["000", "001", "002", "003"]
    assert all("## The story to expect" in (path / "README.md").read_text() for path in folders)


def test_environments_come_one_after_the_other_and_production_waits_to_be_asked(
    opens: Opens, request: pytest.FixtureRequest
) -> None:
    needs(request, "kustomize")
    town = opens("000-environments")
    town.until("production is compared", lambda: town.stands("shop-production") == ("OutOfSync", "Missing"))
    dev, staging = town.operation("shop-dev"), town.get("Application", "shop-staging")

    assert staging is not None and dev["finishedAt"] <= staging["metadata"]["creationTimestamp"]
    assert town.get("Deployment", "web", "shop-production") is None
    assert town.stands("shop-staging") == ("Synced", "Healthy")

    synced = town.say("app", "sync", "shop-production", "--timeout", "30s")
    assert synced.returncode == 0, synced.stderr
    town.until("production is well", lambda: is_done(town, "shop-production"))
    town.push("shop/overlays/dev/kustomization.yaml", "good-1", "good-2")
    town.until("dev has the commit", lambda: town.image("Deployment", "web", "shop-dev") == "demo/web:good-2")

    assert town.image("Deployment", "web", "shop-staging") == "demo/web:good-1"
    assert town.image("Deployment", "web", "shop-production") == "demo/web:good-1"


def test_drift_is_undone_where_an_environment_heals_itself_and_told_where_it_does_not(
    opens: Opens, request: pytest.FixtureRequest
) -> None:
    needs(request, "kustomize")
    town = opens("000-environments")
    town.until("production is compared", lambda: town.stands("shop-production") == ("OutOfSync", "Missing"))
    assert town.say("app", "sync", "shop-production", "--timeout", "30s").returncode == 0
    town.until("production is well", lambda: is_done(town, "shop-production"))
    for name in ("shop-dev", "shop-production"):
        town.patch("Deployment", "web", {"spec": {"replicas": 7}}, name)

    def replicas(namespace: str) -> int:
        return int((town.get("Deployment", "web", namespace) or {})["spec"]["replicas"])

    town.until("dev is healed", lambda: replicas("shop-dev") == 1)
    town.until("production tells it", lambda: town.stands("shop-production")[0] == "OutOfSync")
    told = [each for row in town.status("shop-production")["resources"] for each in row.get("differences") or ()]

    assert [(each["path"], each["git"], each["live"], each["manager"]) for each in told] == [
        ("spec.replicas", "4", "7", "kubectl-edit")
    ]
    assert replicas("shop-production") == 7


def test_a_person_works_on_production_by_the_command_line(opens: Opens, request: pytest.FixtureRequest) -> None:
    needs(request, "kustomize")
    town = opens("000-environments")
    town.until("production is compared", lambda: town.stands("shop-production") == ("OutOfSync", "Missing"))
    assert town.say("app", "sync", "shop-production", "--timeout", "30s").returncode == 0
    town.until("production is well", lambda: is_done(town, "shop-production"))
    web = ("--kind", "Deployment", "--resource-name", "web")
    overlay = town.repository.work / "shop/overlays/production"

    def live() -> dict[str, Any]:
        return dict(town.get("Deployment", "web", "shop-production") or {})

    restarted = town.say("app", "actions", "run", "shop-production", "restart", *web)
    town.until("it is restarted", lambda: live()["spec"]["template"]["metadata"].get("annotations"))
    looked = town.say("app", "get", "shop-production", "--refresh")
    assert (restarted.returncode, looked.returncode) == (0, 0), restarted.stderr + looked.stderr
    assert town.stands("shop-production")[0] == "Synced"  # what git does not name is no drift

    file = overlay / "kustomization.yaml"
    file.write_text(file.read_text().replace("good-1", "good-2"))
    differing = town.say("app", "diff", "shop-production", "--local", str(overlay))
    tried = town.say("app", "sync", "shop-production", "--local", str(overlay), "--timeout", "30s")
    assert differing.returncode == 1 and "good-2" in differing.stdout
    assert tried.returncode == 0, tried.stderr
    assert live()["spec"]["template"]["spec"]["containers"][0]["image"] == "demo/web:good-2"
    town.until("git says otherwise", lambda: town.stands("shop-production")[0] == "OutOfSync")

    gone = town.say("app", "delete-resource", "shop-production", *web)
    assert gone.returncode == 0, gone.stderr
    town.until("it is missed", lambda: not live() and town.stands("shop-production")[0] == "OutOfSync")
    part = town.say("app", "sync", "shop-production", "--resource", "apps:*:web", "--timeout", "30s")
    assert part.returncode == 0, part.stderr
    assert live()["spec"]["template"]["spec"]["containers"][0]["image"] == "demo/web:good-1"


def test_the_root_application_takes_everything_with_it(opens: Opens, request: pytest.FixtureRequest) -> None:
    needs(request, "kustomize")
    town = opens("000-environments")
    town.until("production is compared", lambda: town.stands("shop-production") == ("OutOfSync", "Missing"))

    town.ask("DELETE", f"/apis/argoproj.io/v1alpha1/namespaces/{CONTROL}/applications/shop")
    town.until("no Application is left", lambda: town.every("Application") == [])

    assert [town.get("Deployment", "web", name) for name in ("shop-dev", "shop-staging")] == [None, None]


def test_a_migration_runs_between_the_database_and_the_application_at_every_release(opens: Opens) -> None:
    town = opens("001-migrations")
    town.until("the first release is well", lambda: is_done(town, "orders"))
    database, migration, web = (
        town.get(kind, name, "orders") or {}
        for kind, name in (("Deployment", "database"), ("Job", "migrate"), ("Deployment", "web"))
    )

    assert database["metadata"]["creationTimestamp"] <= migration["metadata"]["creationTimestamp"]
    assert migration["status"]["completionTime"] <= web["metadata"]["creationTimestamp"]
    assert [each["metadata"]["name"] for each in town.every("Job", "orders")] == ["migrate"]
    rows = town.operation("orders")["syncResult"]["resources"]
    assert [row["hookPhase"] for row in rows if row.get("hookType") == "PostSync"] == ["Succeeded"]

    second = town.put(
        {
            "app/web.yaml": town.changed("app/web.yaml", "good-1", "good-2"),
            "app/migrate.yaml": town.changed("app/migrate.yaml", "migrate:1", "migrate:2"),
        }
    )
    town.until("the second release is well", lambda: is_done(town, "orders", second))
    again = town.get("Job", "migrate", "orders") or {}

    assert town.image("Deployment", "web", "orders") == "demo/web:good-2"
    assert town.image("Job", "migrate", "orders") == "demo/migrate:2"
    assert again["metadata"]["uid"] != migration["metadata"]["uid"]


def test_a_migration_that_fails_leaves_the_application_at_its_version(opens: Opens) -> None:
    town = opens("001-migrations")
    town.until("the first release is well", lambda: is_done(town, "orders"))
    fails = '  template:\n    metadata:\n      annotations:\n        player.rollouts.test/exit-code: "1"\n'

    town.put(
        {
            "app/web.yaml": town.changed("app/web.yaml", "good-1", "good-2"),
            "app/migrate.yaml": town.changed("app/migrate.yaml", "  template:\n", fails),
        }
    )
    town.until("the sync has failed", lambda: town.operation("orders").get("phase") == "Failed")
    rows = town.operation("orders")["syncResult"]["resources"]

    assert town.image("Deployment", "web", "orders") == "demo/web:good-1"
    assert [row["hookPhase"] for row in rows if row["name"] == "migrate"] == ["Failed"]


def test_a_shut_window_holds_syncs_back_but_for_people_until_it_opens(opens: Opens) -> None:
    away = (datetime.now(UTC).hour + SHUT_HOURS) % 24
    town = opens("002-windows-and-projects", **{"0 8 * * 1-5": f"0 {away} * * *", "duration: 9h": "duration: 1h"})
    town.until("it is compared", lambda: town.stands("payments")[0] == "OutOfSync")
    opening = town.say("project", "windows", "payments", "-o", "json")

    assert opening.returncode == 0 and json.loads(opening.stdout)
    assert town.get("ConfigMap", "settings", "payments-production") is None

    assert town.say("app", "sync", "payments", "--timeout", "30s").returncode == 0
    town.until("people may", lambda: town.get("ConfigMap", "settings", "payments-production"))
    town.push("app/settings.yaml", "EUR", "SEK")
    town.until("the commit waits", lambda: town.stands("payments")[0] == "OutOfSync")
    windows = (town.get("AppProject", "payments") or {})["spec"]["syncWindows"]
    town.patch("AppProject", "payments", {"spec": {"syncWindows": [{**windows[0], "schedule": "* * * * *"}]}})
    town.until("the window is open", lambda: is_done(town, "payments"))

    assert (town.get("ConfigMap", "settings", "payments-production") or {})["data"] == {"currency": "SEK"}


def test_what_a_project_does_not_permit_stops_the_whole_commit(opens: Opens) -> None:
    town = opens("002-windows-and-projects", **{"0 8 * * 1-5": '"* * * * *"'})
    town.until("it is synced", lambda: is_done(town, "payments"))
    quota = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: all}\nspec: {hard: {pods: '1'}}\n"
    settings = town.changed("app/settings.yaml", "EUR", "SEK")

    town.put({"app/quota.yaml": quota, "app/settings.yaml": settings})
    town.until("it is refused", lambda: town.operation("payments").get("retryCount"))
    rows = {row["name"]: row for row in town.operation("payments")["syncResult"]["resources"]}

    assert "not permitted in project payments" in rows["all"]["message"]
    assert (town.get("ConfigMap", "settings", "payments-production") or {})["data"] == {"currency": "EUR"}


def test_a_newer_commit_does_not_wait_for_the_tries_of_one_that_is_refused(opens: Opens) -> None:
    town = opens("002-windows-and-projects", **{"0 8 * * 1-5": '"* * * * *"'})
    town.until("it is synced", lambda: is_done(town, "payments"))
    unheard = "apiVersion: shop.example.com/v1\nkind: Unheard\nmetadata: {name: x}\n"
    town.put({"app/unheard.yaml": unheard})
    town.until("it is tried again", lambda: town.operation("payments").get("retryCount"))

    settings = town.changed("app/settings.yaml", "EUR", "SEK")
    newest = town.put({"app/unheard.yaml": None, "app/settings.yaml": settings})
    town.until("the newest is there", lambda: is_done(town, "payments", newest))

    assert (town.get("ConfigMap", "settings", "payments-production") or {})["data"] == {"currency": "SEK"}


def test_a_chart_brings_a_rollout_and_each_release_is_judged(
    opens: Opens, judge: Judge, request: pytest.FixtureRequest
) -> None:
    needs(request, "helm")
    prometheus = "http://prometheus.monitoring.svc.cluster.local:9090"
    town = opens("003-helm-and-rollout", **{prometheus: judge.url})
    town.until("the Ingress is there", lambda: town.get("Ingress", "web", "web-production"))
    town.admit("web", "web-production")
    town.until("the first version is well", lambda: is_done(town, "web"))
    town.push("environments/production.yaml", "good-1", "good-2")
    town.until("the release is under way", lambda: town.stands("web")[1] in ("Progressing", "Suspended"))
    town.until("it is over", lambda: is_released(town, "demo/web:good-2"))

    assert town.stands("web") == ("Synced", "Healthy")
    assert any("rollouts_pod_template_hash" in query for query in judge.queries)

    judge.value = "0.5"
    bad = town.push("environments/production.yaml", "good-2", "bad-1")
    town.until("it is aborted", lambda: town.stands("web") == ("Synced", "Degraded"))
    rollout = town.get("Rollout", "web", "web-production") or {}

    assert rollout["status"]["abort"] is True
    assert town.repository.git("rev-parse", "HEAD") == bad
    assert town.image("Rollout", "web", "web-production") == "demo/web:bad-1"

    town.push("environments/production.yaml", "bad-1", "good-2")
    town.until("the revert is well", lambda: is_released(town, "demo/web:good-2"))

    assert town.stands("web") == ("Synced", "Healthy")


def is_done(town: Town, app: str, commit: str = "") -> bool:
    """Whether an Application is as git says, and well; at that commit, where one is given."""
    synced = town.status(app).get("sync") or {}
    over = town.operation(app).get("phase") == "Succeeded"
    return over and town.stands(app) == ("Synced", "Healthy") and commit in ("", synced.get("revision"))


def is_released(town: Town, image: str) -> bool:
    """Whether that version is the stable one of the Rollout, and the Application says that all is well."""
    status = (town.get("Rollout", "web", "web-production") or {}).get("status") or {}
    is_stable = status.get("stableRS") == status.get("currentPodHash") and status.get("phase") == "Healthy"
    return is_stable and town.image("Rollout", "web", "web-production") == image and is_done(town, "web")
