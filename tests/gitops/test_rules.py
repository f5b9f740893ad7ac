"""Windows, projects, order, hooks, tracking and options: the tables behind a sync."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.api.application import ApplicationSource, Destination
from rollouts.api.project import SyncWindow
from rollouts.gitops import destination, hooks, options, project, tracking, windows
from rollouts.gitops.destination import IN_CLUSTER
from rollouts.gitops.hooks import Phase, Policy
from rollouts.gitops.keys import Key
from rollouts.gitops.sync import order, retry
from rollouts.gitops.sync.task import Task
from rollouts.gitops.wanted import Place, read
from rollouts.kit.instant import Instant
from rollouts.kube import builtin
from tests.gitops.shop import config, deployment, job
from tests.gitops.shop import project as a_project


def window(kind: str = "allow", schedule: str = "0 8 * * 1-5", duration: str = "9h", **more: Any) -> SyncWindow:
    return SyncWindow.model_validate(
        {"kind": kind, "schedule": schedule, "duration": duration, "applications": ["*"], **more}
    )


def at(text: str) -> Instant:
    found = Instant.parse(text)
    assert found is not None
    return found


MONDAY_10, MONDAY_20, SUNDAY = at("2026-11-23T10:00:00Z"), at("2026-11-23T20:00:00Z"), at("2026-11-22T10:00:00Z")


@pytest.mark.parametrize(
    ("story", "given", "now", "automated", "manual"),
    [
        ("no window", [], SUNDAY, True, True),
        ("an allowing one is open", [window()], MONDAY_10, True, True),
        ("it is shut", [window()], MONDAY_20, False, False),
        ("it is shut, but for people", [window(manualSync=True)], MONDAY_20, False, True),
        ("a denying one is open", [window("deny")], MONDAY_10, False, False),
        ("a denying one is shut", [window("deny")], MONDAY_20, True, True),
        ("deny beats allow", [window(), window("deny")], MONDAY_10, False, False),
        ("one of two allows", [window(), window(schedule="0 19 * * *", duration="2h")], MONDAY_20, True, True),
        (
            "every denying one must let people through",
            [window("deny", manualSync=True), window("deny")],
            MONDAY_10,
            False,
            False,
        ),
        ("one that cannot be read forbids", [window(schedule="nonsense")], MONDAY_10, False, False),
        ("a zone that is none forbids", [window(timeZone="Mars/Base")], MONDAY_10, False, False),
        ("the trap: open past midnight", [window(schedule="0 8-17 * * 1-5")], at("2026-11-24T01:30:00Z"), True, True),
        ("an hour of New York", [window(timeZone="America/New_York")], MONDAY_20, True, True),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_windows_say_who_may_sync(
    story: str, given: list[SyncWindow], now: Instant, automated: bool, manual: bool
) -> None:
    found = windows.verdict(given, now)

    assert (found.automated, found.manual) == (automated, manual)


def test_a_window_keeps_its_local_hour_when_clocks_change() -> None:
    spans = windows.next_spans(
        window("deny", "0 9 * * *", "1h", timeZone="Europe/Berlin"), at("2026-10-24T00:00:00Z"), 3
    )

    assert [span.opens.rfc3339() for span in spans] == [
        "2026-10-24T07:00:00Z",
        "2026-10-25T08:00:00Z",
        "2026-10-26T08:00:00Z",
    ]


@pytest.mark.parametrize(
    ("lists", "is_for"),
    [
        ({"applications": ["shop-*"]}, True),
        ({"applications": ["other"]}, False),
        ({"applications": ["other"], "namespaces": ["shop"]}, True),
        ({"applications": ["other"], "namespaces": ["shop"], "andOperator": True}, False),
        ({"applications": ["shop-*"], "namespaces": ["shop"], "andOperator": True}, True),
        ({"applications": [], "clusters": ["in-cluster"]}, True),
        ({"applications": []}, False),
    ],
)
def test_a_window_speaks_of_what_its_lists_name(lists: dict[str, Any], is_for: bool) -> None:
    assert windows.is_for(window(**lists), "shop-web", "shop", IN_CLUSTER) is is_for


def rules(**spec: Any) -> project.Project:
    found, said = project.read("p", a_project("p", **spec))
    assert found is not None, said
    return found


@pytest.mark.parametrize(
    ("repos", "url", "permitted"),
    [
        (["*"], "https://git.example/shop.git", True),
        (["https://git.example/*"], "https://git.example/shop", True),
        (["https://git.example/shop"], "https://git.example/shop.git", True),
        (["https://git.example/*", "!https://git.example/secret*"], "https://git.example/secret.git", False),
        (["!https://git.example/secret"], "https://git.example/shop", False),
        (["https://git.example/*"], "https://git.example/shop/web", False),
        (["https://git.example/**"], "https://git.example/shop/web", True),
        (["https://git.example/shop*"], "https://git.example/shop-evil/web", False),
        (["git@git.example:shop/*"], "ssh://git@git.example/shop/web.git", True),
        (["registry.example/shop/*"], "registry.example/shop/web", True),
        ([], "https://git.example/shop", False),
    ],
)
def test_a_project_permits_repositories(repos: list[str], url: str, permitted: bool) -> None:
    source = ApplicationSource.model_validate({"repoURL": url})

    assert (rules(sourceRepos=repos).source_problem(source) == "") is permitted


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example/shop/secret",
        "https://git.example/shop/secret/",
        "HTTPS://Git.Example/Shop/Secret.git",
        "https://ann@git.example/shop/secret",
        "https://ann:word@git.example:443/shop/secret.git",
        "https://git.example./shop/secret",
        "https://git.example/shop/%73ecret",
        "https://git.example//shop//secret",
        "https://git.example/shop/./x/../secret",
        "https://git.example/shop/secret?x=1",
        "https://git.example/shop/secret#x",
    ],
)
def test_what_a_project_forbids_is_forbidden_in_every_spelling(url: str) -> None:
    source = ApplicationSource.model_validate({"repoURL": url})

    assert rules(sourceRepos=["*", "!https://git.example/shop/secret.git"]).source_problem(source) != ""


@pytest.mark.parametrize("url", ["git@git.example:shop/secret", "ssh://ann@git.example:22/shop/secret.git"])
def test_a_forbidden_address_of_ssh_is_forbidden_in_both_its_forms(url: str) -> None:
    source = ApplicationSource.model_validate({"repoURL": url})

    assert rules(sourceRepos=["*", "!git@git.example:shop/secret.git"]).source_problem(source) != ""


def test_a_refusal_does_not_repeat_a_password() -> None:
    source = ApplicationSource.model_validate({"repoURL": "https://ann:hunter2@git.example/x"})

    assert "hunter2" not in rules(sourceRepos=[]).source_problem(source)


@pytest.mark.parametrize(
    ("destinations", "namespace", "permitted"),
    [
        ([{"server": "*", "namespace": "shop-*"}], "shop-a", True),
        ([{"server": "*", "namespace": "shop-*"}], "kube-system", False),
        ([{"name": "in-cluster", "namespace": "*"}], "a", True),
        ([{"server": "*", "namespace": "*"}, {"server": "*", "namespace": "!kube-*"}], "kube-system", False),
        ([{"server": "*", "namespace": "*"}, {"server": "*", "namespace": "!kube-*"}], "shop", True),
        ([{"server": "https://elsewhere", "namespace": "*"}], "shop", False),
        ([{"server": "*", "namespace": "*"}, {"name": "!in-cluster"}], "shop", False),
        ([{"server": "*", "namespace": "*"}, {"name": "!elsewhere"}], "shop", True),
        ([], "shop", False),
    ],
)
def test_a_project_permits_destinations(destinations: list[dict[str, str]], namespace: str, permitted: bool) -> None:
    assert (rules(destinations=destinations).destination_problem(IN_CLUSTER, namespace) == "") is permitted


@pytest.mark.parametrize(
    ("spec", "key", "namespaced", "permitted"),
    [
        ({}, Key("apps", "Deployment", "a", "b"), True, True),
        ({}, Key("", "Namespace", "", "b"), False, False),
        (
            {"clusterResourceWhitelist": [{"group": "", "kind": "Namespace"}]},
            Key("", "Namespace", "", "b"),
            False,
            True,
        ),
        (
            {"clusterResourceWhitelist": [{"group": "", "kind": "Namespace", "name": "shop-*"}]},
            Key("", "Namespace", "", "b"),
            False,
            False,
        ),
        ({"namespaceResourceBlacklist": [{"group": "", "kind": "Secret"}]}, Key("", "Secret", "a", "b"), True, False),
        ({"namespaceResourceWhitelist": [{"group": "apps", "kind": "*"}]}, Key("", "Secret", "a", "b"), True, False),
        ({"namespaceResourceWhitelist": []}, Key("", "ConfigMap", "a", "b"), True, False),
        ({"namespaceResourceWhitelist": None}, Key("", "ConfigMap", "a", "b"), True, True),
    ],
)
def test_a_project_permits_kinds(spec: dict[str, Any], key: Key, namespaced: bool, permitted: bool) -> None:
    assert (rules(**spec).kind_problem(key, namespaced=namespaced) == "") is permitted


def test_only_default_exists_without_being_written() -> None:
    assert project.read("default", None)[0] is project.ANYTHING
    assert project.read("other", None) == (None, "Application referencing project other which does not exist")


@pytest.mark.parametrize(
    ("said", "is_known"),
    [
        ({"server": "https://kubernetes.default.svc"}, True),
        ({"name": "in-cluster"}, True),
        ({"server": "https://elsewhere"}, False),
        ({"server": "https://kubernetes.default.svc", "name": "in-cluster"}, False),
        ({}, False),
    ],
)
def test_a_destination_is_a_cluster_that_is_known(said: dict[str, str], is_known: bool) -> None:
    cluster, problem = destination.resolve(Destination.model_validate(said))

    assert (cluster is not None, problem == "") == (is_known, is_known)


@pytest.mark.parametrize(
    ("annotation", "app"),
    [
        ("shop:apps/Deployment:shop/web", "shop"),
        ("shop:/ConfigMap:shop/web", ""),
        ("shop:apps/Deployment:shop/other", ""),
        ("shop:apps/Deployment:other/web", ""),
        ("nonsense", ""),
        ("", ""),
        (":::", ""),
    ],
)
def test_g1_a_mark_counts_only_where_it_describes_its_object(annotation: str, app: str) -> None:
    live = deployment("web", **{tracking.ANNOTATION: annotation})

    assert tracking.owner(live, Key("apps", "Deployment", "shop", "web")) == app


def test_an_object_that_another_one_owns_is_never_ours_to_remove() -> None:
    live = deployment("web", **{tracking.ANNOTATION: "shop:apps/Deployment:shop/web"})
    owned = {**live, "metadata": {**live["metadata"], "ownerReferences": [{"uid": "1", "kind": "X", "name": "x"}]}}
    key = Key("apps", "Deployment", "shop", "web")

    assert (tracking.is_ours(live, key, "shop"), tracking.is_ours(owned, key, "shop")) == (True, False)


@pytest.mark.parametrize(
    ("marks", "phases", "policies"),
    [
        ({hooks.HOOK: "PreSync,PostSync"}, (Phase.PRE_SYNC, Phase.POST_SYNC), (Policy.BEFORE,)),
        ({hooks.HELM_HOOK: "pre-install,pre-upgrade"}, (Phase.PRE_SYNC,), (Policy.BEFORE,)),
        ({hooks.HELM_HOOK: "test"}, (Phase.SKIP,), (Policy.BEFORE,)),
        ({hooks.HELM_HOOK: "crd-install"}, (), ()),
        ({hooks.HOOK: "Sync", hooks.HELM_HOOK: "pre-delete"}, (Phase.SYNC,), (Policy.BEFORE,)),
        (
            {hooks.HOOK: "Sync", hooks.POLICY: "HookSucceeded,HookFailed"},
            (Phase.SYNC,),
            (Policy.SUCCEEDED, Policy.FAILED),
        ),
        (
            {hooks.HELM_HOOK: "post-install", hooks.HELM_POLICY: "hook-succeeded"},
            (Phase.POST_SYNC,),
            (Policy.SUCCEEDED,),
        ),
        ({}, (), ()),
    ],
)
def test_annotations_make_hooks(marks: dict[str, str], phases: tuple[Phase, ...], policies: tuple[Policy, ...]) -> None:
    found = wanted(job("x", **marks))[0]

    assert (found.phases, found.policies) == (phases, policies)


PLACE = Place("shop", "shop", options.Options(), builtin.find)


def wanted(*manifests: Any) -> tuple[Any, ...]:
    desired = read(manifests, PLACE)
    assert desired.errors == ()
    return desired.objects


@pytest.mark.parametrize(
    "manifest",
    [
        config("x", marks={hooks.WAVE: "x"}),
        config("x", marks={hooks.WAVE: "1e9"}),
        config("x", marks={hooks.HOOK: "PreSink"}),
        config("x", marks={hooks.HOOK: "Sync", hooks.POLICY: "Sometimes"}),
        {"kind": "ConfigMap", "metadata": {"name": "x"}},
        {"apiVersion": "v1", "metadata": {"name": "x"}},
        {"apiVersion": "v1", "kind": "ConfigMap"},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "x-"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "../x"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": 7}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "annotations": {"a": 1}}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "labels": ["a"]}},
        "text",
        None,
    ],
)
def test_a_manifest_that_is_wrong_stops_everything(manifest: Any) -> None:
    assert len(read([manifest], PLACE).errors) == 1


def test_the_same_object_twice_is_told_and_the_later_one_stands() -> None:
    desired = read([config("x", v="1"), config("x", v="2")], PLACE)

    assert [kind for kind, _ in desired.warnings] == ["RepeatedResourceWarning"]
    assert [one.manifest["data"] for one in desired.objects] == [{"v": "2"}]


def test_a_mark_that_git_forges_for_another_application_is_overwritten() -> None:
    (one,) = wanted(config("x", marks={tracking.ANNOTATION: "victim:/ConfigMap:shop/x"}))

    assert one.manifest["metadata"]["annotations"][tracking.ANNOTATION] == "shop:/ConfigMap:shop/x"


def task(kind: str, name: str, wave: int = 0, *, is_prune: bool = False, **more: Any) -> Task:
    key = Key("", kind, "" if kind == "Namespace" else "shop", name)
    one = None if is_prune else read([{"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}], PLACE).objects[0]
    return Task(key, "v1", None, Phase.SYNC, wave, one, {} if is_prune else None, **more)


def test_objects_come_by_phase_wave_kind_and_name() -> None:
    found = [
        task("Service", "b"),
        task("Weird", "a"),
        task("Service", "a"),
        task("ConfigMap", "z"),
        task("Service", "c", -1),
    ]

    assert [(each.key.kind, each.key.name) for each in order.ordered(found)] == [
        ("Service", "c"),
        ("ConfigMap", "z"),
        ("Service", "a"),
        ("Service", "b"),
        ("Weird", "a"),
    ]


def test_a_namespace_comes_before_what_is_in_it_whatever_its_wave() -> None:
    found = order.ordered([task("Namespace", "shop", 5), task("ConfigMap", "a", -3)])

    assert [(each.key.kind, each.wave) for each in found] == [("Namespace", -3), ("ConfigMap", -3)]


def test_prunes_go_backwards_and_the_last_ones_after_everything() -> None:
    prunes = [task("ConfigMap", name, wave, is_prune=True) for name, wave in (("a", 0), ("b", 1), ("c", 7))]
    last = task("ConfigMap", "d", 0, is_prune=True, is_last=True)

    found = order.prune_waves([*prunes, last, task("ConfigMap", "e", 3)])

    assert {each.key.name: each.wave for each in found} == {"a": 7, "b": 1, "c": 0, "d": 8, "e": 3}


@pytest.mark.parametrize(
    ("rule", "delays"),
    [
        (None, [None]),
        ({"limit": 3}, [5.0, 10.0, 20.0, None]),
        ({"limit": 9, "backoff": {"duration": "1m", "factor": 3, "maxDuration": "5m"}}, [60.0, 180.0, 300.0, 300.0]),
        ({"limit": -1}, [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 180.0]),
        ({"limit": 2, "backoff": {"duration": "nonsense", "factor": 0}}, [5.0, 5.0, None]),
    ],
)
def test_waits_between_tries(rule: Any, delays: list[float | None]) -> None:
    assert [retry.read(rule).delay_s(tries) for tries in range(len(delays))] == delays


def test_an_objects_option_goes_before_the_applications() -> None:
    base = options.parse(["Prune=true", "Replace=true", "junk", 7, ""])
    own = options.of_object(config("x", marks={options.SYNC_OPTIONS: "Prune=false, ServerSideApply=false"}))

    found = own.over(base)

    assert (found.word("Prune"), found.is_on("Replace"), found.is_on("ServerSideApply", default=True)) == (
        "false",
        True,
        False,
    )
