"""`rollouts app edit`, `patch`, `unset`, `actions` and what is done to single objects, against the embedded cluster."""

# ruff: noqa: E501 - an object stands on one line, so that a story stays a story

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rollouts.kube.kinds import APPLICATION, DEPLOYMENT, POD, ROLLOUT
from rollouts.kube.ref import Kind, Ref
from tests.builders import a_rollout, the_usual
from tests.cli.cluster import Cluster
from tests.gitops_render.forge import Repository, config_map

URL = "https://git.test/shop.git"
LABELS = {"app": "web"}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}


def row(group: str, kind: str, name: str) -> dict[str, str]:
    version = "v1alpha1" if group == "argoproj.io" else "v1"
    return {"group": group, "version": version, "kind": kind, "namespace": "shop", "name": name, "status": "Synced"}


ROWS = [row("apps", "Deployment", "web"), row("argoproj.io", "Rollout", "web"), row("", "Secret", "pass")]


def app(**spec: Any) -> dict[str, Any]:
    source = {"repoURL": URL, "path": "web", "targetRevision": "main"}
    spec = {"project": "default", "source": source, "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"}, **spec}  # fmt: skip
    status = {"sync": {"status": "Synced", "revision": "a" * 40}, "health": {"status": "Healthy"}, "resources": ROWS}
    meta = {"name": "web", "namespace": "argocd"}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": meta, "spec": spec, "status": status}  # fmt: skip


def deployment() -> dict[str, Any]:
    spec = {"replicas": 2, "selector": {"matchLabels": LABELS}, "template": TEMPLATE}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}  # fmt: skip


def secret() -> dict[str, Any]:
    meta = {"name": "pass", "namespace": "shop"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"word": "c2VjcmV0"}}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(serves_pods=False) as found:
        for name in ("argocd", "shop"):
            made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            found.do(lambda plane, made=made: plane.create(made))  # type: ignore[misc]  # bound at once
        yield found


@pytest.fixture
def said(typed: Callable[..., Any], cluster: Cluster) -> Callable[..., Any]:
    return lambda *args: typed(*args, "-s", cluster.url, "-n", "argocd")


def bring(cluster: Cluster, *manifests: dict[str, Any]) -> None:
    cluster.do(lambda plane: plane.create_all(list(manifests)))


def stored(cluster: Cluster, kind: Kind = APPLICATION, name: str = "web") -> dict[str, Any]:
    space = "argocd" if kind == APPLICATION else "shop"
    return dict(cluster.do(lambda plane: plane.store.get(Ref(kind, space, name))))


def pods_of(cluster: Cluster, count: int) -> list[str]:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        names = [each["metadata"]["name"] for each in cluster.do(lambda plane: plane.store.all(POD))]
        if len(names) == count:
            return sorted(names)
        time.sleep(0.05)  # another thread is the cluster
    raise AssertionError("the pods did not come")


# The Application's own text.


def test_an_editor_changes_the_spec(cluster, said, monkeypatch, tmp_path):
    bring(cluster, app())
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i s/main/v2/ "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("KUBE_EDITOR", str(editor))

    assert said("app", "edit", "web").out == "application/web changed\n"
    assert stored(cluster)["spec"]["source"]["targetRevision"] == "v2"
    assert "left as it is" in said("app", "edit", "web").out


def test_a_text_that_cannot_be_used_is_kept(cluster, said, monkeypatch, tmp_path):
    bring(cluster, app())
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\necho 'spec: [' > \"$1\"\n")
    editor.chmod(0o755)
    monkeypatch.setenv("KUBE_EDITOR", str(editor))

    told = said("app", "edit", "web")

    assert told.code == 1
    assert Path(told.err.split("your text is kept in ")[1].strip()).read_text() == "spec: [\n"


def test_a_patch_is_json_or_a_merge(cluster, said):
    bring(cluster, app())

    operations = json.dumps([{"op": "replace", "path": "/spec/source/targetRevision", "value": "v2"}])
    assert said("app", "patch", "web", "--patch", operations).code == 0
    assert said("app", "patch", "web", "--type", "merge", "--patch", '{"spec":{"source":{"path":"api"}}}').code == 0
    assert stored(cluster)["spec"]["source"] == {"repoURL": URL, "path": "api", "targetRevision": "v2"}
    assert said("app", "patch", "web", "--patch", "{}").code == 64
    assert said("app", "patch", "web", "--patch", "[").code == 64


def test_unset_takes_away_what_is_named_and_nothing_else(cluster, said):
    helm = {"valueFiles": ["a.yaml", "b.yaml"], "values": "x: 1", "parameters": [{"name": "tag", "value": "1"}]}
    kustomize = {"images": ["r.test/web:1", "r.test/api:1"], "namePrefix": "dev-"}
    bring(cluster, app(source={"repoURL": URL, "path": "web", "helm": helm, "kustomize": kustomize}))

    told = said("app", "unset", "web", "-p", "tag", "--values", "a.yaml", "--values-literal", "--kustomize-image", "r.test/web", "--nameprefix")  # fmt: skip

    assert (told.code, told.err) == (0, "")
    assert stored(cluster)["spec"]["source"] == {
        "repoURL": URL, "path": "web", "helm": {"valueFiles": ["b.yaml"]}, "kustomize": {"images": ["r.test/api:1"]},
    }  # fmt: skip
    assert said("app", "unset", "web").code == 64
    assert "is so already" in said("app", "unset", "web", "-p", "tag").out


def test_sources_come_and_go(cluster, said):
    bring(cluster, app())

    assert said("app", "add-source", "web", "--repo", "https://git.test/values.git", "--ref", "values", "--source-name", "words").code == 0  # fmt: skip
    spec = stored(cluster)["spec"]
    assert "source" not in spec and [each.get("ref") for each in spec["sources"]] == [None, "values"]
    assert said("app", "remove-source", "web", "--source-position", "3").code == 64
    assert said("app", "remove-source", "web", "--source-name", "words").code == 0
    assert [each["repoURL"] for each in stored(cluster)["spec"]["sources"]] == [URL]
    assert said("app", "remove-source", "web", "--source-position", "1").code == 1


# Single objects.


def test_actions_are_listed_by_kind_and_those_that_change_nothing_are_disabled(cluster, said):
    bring(cluster, app(), deployment(), *the_usual(), a_rollout())

    told = json.loads(said("app", "actions", "list", "web", "-o", "json").out)

    open_now = {(each["kind"], each["action"]): not each["disabled"] for each in told}
    assert open_now["Deployment", "restart"] and open_now["Deployment", "pause"] and open_now["Deployment", "scale"]
    assert not open_now["Deployment", "resume"]
    assert {action for kind, action in open_now if kind == "Rollout"} == {
        "abort", "pause", "promote-full", "restart", "resume", "retry", "skip-current-step",
    }  # fmt: skip
    assert not open_now["Rollout", "retry"] and not open_now["Rollout", "resume"]


def test_an_action_restarts_scales_and_pauses(cluster, said):
    bring(cluster, app(), deployment(), *the_usual(), a_rollout())

    assert said("app", "actions", "run", "web", "restart", "--kind", "Deployment").code == 0
    assert said("app", "actions", "run", "web", "scale", "--kind", "deployment", "-p", "replicas=5").code == 0
    assert said("app", "actions", "run", "web", "pause", "--kind", "Rollout", "--resource-name", "web").code == 0

    spec = stored(cluster, DEPLOYMENT)["spec"]
    assert "kubectl.kubernetes.io/restartedAt" in spec["template"]["metadata"]["annotations"] and spec["replicas"] == 5
    assert stored(cluster, ROLLOUT)["spec"]["paused"] is True
    assert "-p replicas" in said("app", "actions", "run", "web", "scale", "--kind", "Deployment").err
    assert "restart" in said("app", "actions", "run", "web", "restrat", "--kind", "Deployment").err
    assert said("app", "actions", "run", "web", "restart", "--kind", "DaemonSet").code == 5


def test_a_pod_of_the_application_is_deleted_and_no_other(cluster, said):
    stray = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "stray", "namespace": "shop"}, "spec": TEMPLATE["spec"]}  # fmt: skip
    bring(cluster, app(), deployment(), stray)
    names = [name for name in pods_of(cluster, 3) if name != "stray"]

    several = said("app", "delete-resource", "web", "--kind", "Pod")
    strange = said("app", "delete-resource", "web", "--kind", "Pod", "--resource-name", "stray")
    told = said("app", "delete-resource", "web", "--kind", "Pod", "--resource-name", names[0], "--force")

    assert (several.code, strange.code, told.code) == (1, 5, 0)
    assert "--all" in several.err
    left = pods_of(cluster, 3)
    assert names[0] not in left and "stray" in left


def test_an_object_is_patched_and_shown_and_a_secret_hides_its_values(cluster, said):
    bring(cluster, app(), deployment(), secret())

    assert said("app", "patch-resource", "web", "--kind", "Deployment", "--patch", '{"spec":{"replicas":4}}').code == 0
    assert (
        json.loads(said("app", "get-resource", "web", "--kind", "Deployment", "-o", "json").out)["spec"]["replicas"]
        == 4
    )
    shown = said("app", "get-resource", "web", "--kind", "Secret").out
    assert "word: (hidden)" in shown and "c2VjcmV0" not in shown
    assert said("app", "patch-resource", "web", "--patch", "{}").code == 64


# Syncs of a part, of a folder, and in a shut window.


def operation(cluster: Cluster) -> dict[str, Any]:
    found = stored(cluster).get("operation") or {}
    bring_back = Ref(APPLICATION, "argocd", "web")
    cluster.do(lambda plane: plane.store.patch(bring_back, {"operation": None}, "merge"))
    return dict(found)


def test_a_sync_of_a_part_names_its_objects_whatever_form_they_were_given_in(cluster, said):
    bring(cluster, app())

    assert said("app", "sync", "web", "--async", "--resource", "!:Secret:*").code == 0
    without_secrets = operation(cluster)["sync"]["resources"]
    assert said("app", "sync", "web", "--async", "--resource", "*:*:shop/web").code == 0
    by_name = operation(cluster)["sync"]["resources"]

    expected = [
        {"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web"},
        {"group": "argoproj.io", "kind": "Rollout", "namespace": "shop", "name": "web"},
    ]
    assert (without_secrets, by_name) == (expected, expected)
    assert said("app", "sync", "web", "--async", "--resource", "!*:*:*").code == 1
    assert said("app", "sync", "web", "--async", "--resource", "apps:Deployment").code == 64


def test_a_sync_by_label_takes_the_objects_of_git_that_bear_it(cluster, said, tmp_path):
    shop = Repository(tmp_path / "shop")
    front = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: front, labels: {tier: front}}\n"
    shop.commit({"web/a.yaml": front, "web/b.yaml": config_map("back")})
    bring(cluster, app(source={"repoURL": shop.url, "path": "web", "targetRevision": "main"}))

    told = said("app", "sync", "web", "--async", "--label", "tier=front")

    assert (told.code, told.err) == (0, "")
    assert operation(cluster)["sync"]["resources"] == [
        {"group": "", "kind": "ConfigMap", "namespace": "shop", "name": "front"}
    ]


def test_the_words_of_a_retry_and_of_several_sources_reach_the_operation(cluster, said):
    sources = [{"repoURL": URL, "path": "web", "targetRevision": "main"}, {"repoURL": URL, "ref": "values"}]
    bring(cluster, app(sources=sources))

    told = said("app", "sync", "web", "--async", "--revisions", "v2", "--source-positions", "2", "--retry-limit", "3", "--retry-backoff-duration", "2s", "--retry-backoff-factor", "3", "--retry-refresh")  # fmt: skip

    found = operation(cluster)
    assert (told.code, told.err) == (0, "")
    assert found["sync"]["revisions"] == ["main", "v2"]
    assert found["retry"] == {"limit": 3, "backoff": {"duration": "2s", "factor": 3}, "refresh": True}
    assert said("app", "sync", "web", "--async", "--revisions", "v2").code == 64


def test_a_folder_is_compared_and_synced_before_it_is_committed(cluster, said, tmp_path):
    shop = Repository(tmp_path / "shop")
    shop.commit({"web/a.yaml": config_map("old"), ".gitignore": "*.yaml\n"})
    (shop.work / "web/a.yaml").write_text(config_map("new-a", "two"))
    bring(cluster, app())
    before = shop.git("status", "--porcelain")

    differing = said("app", "diff", "web", "--local", str(shop.work / "web"))
    told = said("app", "sync", "web", "--async", "--local", str(shop.work / "web"))

    assert differing.code == 1 and "ConfigMap/shop/new-a" in differing.out
    assert (told.code, told.err) == (0, "")
    (text,) = operation(cluster)["sync"]["manifests"]
    assert (json.loads(text)["metadata"]["name"], json.loads(text)["data"]) == ("new-a", {"word": "two"})
    assert shop.git("status", "--porcelain") == before
    assert said("app", "diff", "web", "--local", str(tmp_path / "nowhere")).code == 2


def test_a_folder_is_not_synced_while_git_would_win_again(cluster, said, tmp_path):
    (tmp_path / "a.yaml").write_text(config_map("a"))
    bring(cluster, app(syncPolicy={"automated": {}}))

    assert "automated sync is on" in said("app", "sync", "web", "--async", "--local", str(tmp_path)).err
    assert said("app", "sync", "web", "--async", "--local", str(tmp_path), "--dry-run").code == 0


def test_a_sync_by_hand_in_a_shut_window_is_refused_before_it_is_asked_for(cluster, said):
    window = {"kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": ["*"]}
    spec = {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}], "syncWindows": [window]}
    meta = {"name": "default", "namespace": "argocd"}
    bring(cluster, app(), {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": meta, "spec": spec})

    told = said("app", "sync", "web")

    assert told.code == 1
    assert "blocked by sync window" in told.err and "rollouts project windows default" in told.err
    assert "operation" not in stored(cluster)


def test_changes_are_shown_before_a_sync_where_that_is_wished(cluster, said):
    change = {"path": "spec.replicas", "git": "3", "live": "5"}
    found = app()
    found["status"]["resources"] = [{**ROWS[0], "status": "OutOfSync", "differences": [change]}]
    bring(cluster, found)

    told = said("app", "sync", "web", "--async", "--preview-changes", "--assumeYes")

    assert told.code == 0 and "spec.replicas" in told.out
    assert operation(cluster)


# Applications that are made.


def test_applications_are_created_from_a_file_and_options_change_what_it_says(cluster, said, tmp_path):
    file = tmp_path / "apps.yaml"
    found = {field: part for field, part in app().items() if field != "status"}
    other = {**found, "metadata": {"name": "api"}}
    file.write_text("---\n".join(json.dumps(each) + "\n" for each in (found, other)))

    both = said("app", "create", "-f", str(file))
    again = said("app", "create", "-f", str(file))
    told = said("app", "create", "-f", str(file), "--upsert", "--revision", "v2", "--annotations", "owner=shop")

    assert (both.code, again.code, told.code) == (0, 1, 0)
    assert [stored(cluster, name=name)["spec"]["source"]["targetRevision"] for name in ("web", "api")] == ["v2", "v2"]
    assert said("app", "create", "web", "-f", str(file)).code == 64
    assert said("app", "create").code == 64


def test_an_application_is_made_of_options_as_scripts_give_them(cluster, said, tmp_path):
    values = tmp_path / "values.yaml"
    values.write_text("size: m\n")
    retry = ("--sync-retry-limit", "3", "--sync-retry-backoff-duration", "5s", "--sync-retry-backoff-factor", "2")
    helm = ("--helm-set", "tag=1", "--values-literal-file", str(values), "--release-name", "shop", "--helm-skip-crds")
    directory = ("--directory-recurse", "--directory-include", "*.yaml", "--nameprefix", "dev-", "--kustomize-replica", "web=3")  # fmt: skip

    told = said("app", "create", "web", "--repo", URL, "--path", "web", "--dest-namespace", "shop", "--sync-policy", "automated", "--auto-prune", "--allow-empty", *retry, *helm, *directory, "-l", "team=shop")  # fmt: skip

    made = stored(cluster)
    assert (told.code, told.err) == (0, "")
    assert made["metadata"]["labels"] == {"team": "shop"}
    assert made["spec"] == {
        "project": "default",
        "source": {
            "repoURL": URL,
            "path": "web",
            "helm": {"parameters": [{"name": "tag", "value": "1"}], "values": "size: m\n", "releaseName": "shop", "skipCrds": True},
            "kustomize": {"namePrefix": "dev-", "replicas": [{"name": "web", "count": 3}]},
            "directory": {"recurse": True, "include": "*.yaml"},
        },
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        "syncPolicy": {
            "automated": {"prune": True, "allowEmpty": True},
            "retry": {"limit": 3, "backoff": {"duration": "5s", "factor": 2}},
        },
    }  # fmt: skip


def test_a_sync_of_several_that_one_of_them_cannot_begin_begins_none(cluster, said):
    busy = {**app(), "metadata": {"name": "api", "namespace": "argocd"}, "operation": {"sync": {}}}
    bring(cluster, app(), busy)

    told = said("app", "sync", "web", "api", "--async")

    assert told.code == 1 and "another operation of argocd/api" in told.err
    assert "operation" not in stored(cluster)


def test_wait_may_be_for_some_objects_alone(cluster, said):
    found = app()
    rows = [{**ROWS[0], "health": {"status": "Healthy"}}, {**ROWS[1], "health": {"status": "Degraded"}}]
    found["status"] |= {"resources": rows, "health": {"status": "Degraded"}}
    bring(cluster, found)

    assert said("app", "wait", "web", "--resource", "apps:Deployment:web", "--timeout", "10s").code == 0
    assert said("app", "wait", "web", "--resource", "!argoproj.io:*:*", "--timeout", "10s").code == 0
    assert said("app", "wait", "web", "--resource", "argoproj.io:Rollout:web", "--timeout", "1s").code == 3
    assert said("app", "wait", "web", "--resource", "apps:Deployment:api", "--timeout", "10s").code == 5


def test_a_folder_is_rendered_and_the_history_gives_its_numbers(cluster, said, tmp_path):
    (tmp_path / "a.yaml").write_text(config_map("a"))
    found = app()
    found["status"]["history"] = [{"id": number, "revision": "a" * 40, "deployedAt": "2026-01-01T00:00:00Z"} for number in (3, 4)]  # fmt: skip
    bring(cluster, found)

    shown = json.loads(said("app", "manifests", "web", "--local", str(tmp_path), "-o", "json").out)

    assert [each["metadata"]["name"] for each in shown] == ["a"]
    assert said("app", "history", "web", "-o", "id").out == "3\n4\n"
    assert said("app", "get", "web", "-o", "tree").out == said("app", "get", "web").out


def test_applications_are_deleted_by_their_labels_and_waited_for(cluster, said):
    labels = {"labels": {"team": "shop"}}
    bring(cluster, *({**app(), "metadata": {"name": name, "namespace": "argocd", **labels}} for name in ("web", "api")))

    told = said("app", "delete", "-l", "team=shop", "-y", "--no-cascade", "--wait")

    assert told.code == 0
    assert "application/argocd/web is gone" in told.out and "application/argocd/api is gone" in told.out
    assert cluster.do(lambda plane: list(plane.store.all(APPLICATION))) == []
    assert said("app", "delete", "-y").code == 64
