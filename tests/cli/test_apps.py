"""`rollouts app`, `project`, `repo` and `tools`, as typed, against the embedded cluster and a real repository."""

# ruff: noqa: E501 - an object stands on one line, so that a story stays a story

from __future__ import annotations

import json

import pytest

from rollouts.kube.kinds import APP_PROJECT, APPLICATION, SECRET
from rollouts.kube.ref import Ref
from tests.cli.cluster import Cluster
from tests.gitops_render.forge import Repository, config_map

URL = "https://git.test/shop.git"
SYNC = {
    "group": "apps",
    "version": "v1",
    "kind": "Deployment",
    "namespace": "argocd",
    "name": "web",
    "status": "OutOfSync",
}
CHANGE = {"path": "/spec/replicas", "git": "3", "live": "5", "manager": "kubectl", "time": "2026-01-01T00:00:00Z"}


def app(name: str = "web", *, url: str = URL, policy: dict | None = None, **status: object) -> dict:
    spec = {
        "project": "default",
        "source": {"repoURL": url, "path": "web", "targetRevision": "main"},
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "argocd"},
        **({"syncPolicy": policy} if policy else {}),
    }
    meta = {"name": name, "namespace": "argocd", "labels": {"team": "shop"}}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": meta,
        "spec": spec,
        "status": status,
    }


def synced(**more: object) -> dict:
    rows = [{**SYNC, "status": "Synced", "health": {"status": "Healthy"}}]
    return {
        "sync": {"status": "Synced", "revision": "a" * 40},
        "health": {"status": "Healthy"},
        "resources": rows,
        **more,
    }


def out_of_sync() -> dict:
    rows = [{**SYNC, "differences": [CHANGE], "health": {"status": "Degraded", "message": "no pods"}}]
    return {"sync": {"status": "OutOfSync", "revision": "a" * 40}, "health": {"status": "Degraded"}, "resources": rows}


def config_map_of(name: str, **words: str) -> dict:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "argocd"}, "data": words}


@pytest.fixture
def cluster():
    with Cluster(serves_pods=False) as found:
        found.do(lambda plane: plane.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}}))
        yield found


@pytest.fixture
def said(typed, cluster):
    def run(*args: str):
        return typed(*args, "-s", cluster.url, "-n", "argocd")

    return run


def stored(cluster: Cluster, name: str = "web", kind=APPLICATION):
    return cluster.do(lambda plane: plane.store.get(Ref(kind, "argocd", name)))


def test_the_list_tells_sync_and_health(cluster, said):
    cluster.do(lambda plane: plane.create_all([app("api", **synced()), app("web", **out_of_sync())]))

    told = said("app", "list")

    assert told.code == 0
    assert [line.split() for line in told.out.splitlines()] == [
        ["NAME", "PROJECT", "SYNC", "HEALTH", "POLICY", "REVISION"],
        ["api", "default", "✔", "Synced", "✔", "Healthy", "Manual", "aaaaaaa"],
        ["web", "default", "⚠", "OutOfSync", "✖", "Degraded", "Manual", "aaaaaaa"],
    ]


def test_one_application_is_a_tree_with_health(cluster, said):
    owner = cluster.do(lambda plane: plane.create(config_map_of("web")))
    mark = {"apiVersion": "v1", "kind": "ConfigMap", "name": "web", "uid": owner["metadata"]["uid"], "controller": True}
    pod = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    owned = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "web-1", "namespace": "argocd", "ownerReferences": [mark]},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": pod},
    }
    row = {
        "version": "v1",
        "kind": "ConfigMap",
        "namespace": "argocd",
        "name": "web",
        "status": "OutOfSync",
        "health": {"status": "Degraded", "message": "no pods"},
    }
    cluster.do(lambda plane: plane.create_all([app(**out_of_sync() | {"resources": [row]}), owned]))

    told = said("app", "get", "web")

    assert "└── ConfigMap/web  ⚠ OutOfSync  ✖ Degraded  no pods" in told.out
    assert "   └── ReplicaSet/web-1" in told.out


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (synced(), 0, ""),
        (out_of_sync(), 1, "/spec/replicas (kubectl, 2026-01-01T00:00:00Z)\n  - 5\n  + 3"),
        ({"sync": {"status": "Unknown"}, "conditions": [{"type": "ComparisonError", "message": "no repo"}]}, 2, ""),
        ({}, 2, ""),
    ],
)
def test_diff_says_by_its_code_whether_something_differs(cluster, said, status, code, words):
    cluster.do(lambda plane: plane.create(app(**status)))

    told = said("app", "diff", "web")

    assert told.code == code
    assert words in told.out


def test_diff_of_what_is_not_there_is_an_error_and_no_difference(said):
    assert said("app", "diff", "gone").code == 2


def test_diff_may_keep_its_code_to_itself(cluster, said):
    cluster.do(lambda plane: plane.create(app(**out_of_sync())))

    assert said("app", "diff", "web", "--exit-code=false").code == 0


def test_a_sync_writes_the_operation_that_controllers_read(cluster, said):
    policy = {"syncOptions": ["CreateNamespace=true"], "retry": {"limit": 2}}
    cluster.do(lambda plane: plane.create(app(policy=policy, **synced())))

    told = said("app", "sync", "web", "--prune", "--revision", "v1", "--resource", "apps:Deployment:shop/web", "--info", "why=test", "--async", "--as", "ada")  # fmt: skip

    assert (told.code, told.err) == (0, "")
    assert stored(cluster)["operation"] == {
        "sync": {
            "prune": True,
            "dryRun": False,
            "revision": "v1",
            "syncOptions": ["CreateNamespace=true"],
            "resources": [{"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web"}],
        },
        "info": [{"name": "why", "value": "test"}],
        "retry": {"limit": 2},
        "initiatedBy": {"username": "ada"},
    }


def test_a_second_operation_waits_for_the_first(cluster, said):
    cluster.do(lambda plane: plane.create({**app(**synced()), "operation": {"sync": {}}}))

    told = said("app", "sync", "web")

    assert told.code == 1
    assert "another operation" in told.err


@pytest.mark.parametrize(("phase", "code"), [("Succeeded", 0), ("Failed", 1)])
def test_a_sync_is_watched_to_its_end(cluster, said, phase, code):
    cluster.do(lambda plane: plane.create(app(**synced())))
    row = {**SYNC, "status": "Synced", "message": "deployment.apps/web configured"}
    state = {"phase": phase, "startedAt": "2026-01-01T00:00:00Z", "message": "done", "operation": {}, "syncResult": {"revision": "a" * 40, "resources": [row]}}  # fmt: skip

    def controller(plane) -> None:
        live = plane.store.get(Ref(APPLICATION, "argocd", "web"))
        body = {key: value for key, value in live.items() if key != "operation"}
        plane.store.update(
            Ref(APPLICATION, "argocd", "web"), {**body, "status": {**live["status"], "operationState": state}}
        )

    cluster.later(1.0, controller)
    told = said("app", "sync", "web", "--timeout", "20s")

    assert told.code == code
    assert "Deployment/web  ✔ Synced  deployment.apps/web configured" in told.out


def test_wait_ends_when_all_is_well_and_says_so_when_time_is_up(cluster, said):
    cluster.do(lambda plane: plane.create_all([app("web", **synced()), app("bad", **out_of_sync())]))

    assert said("app", "wait", "web", "--timeout", "10s").code == 0
    assert said("app", "wait", "bad", "--degraded", "--timeout", "10s").code == 0
    assert said("app", "wait", "bad", "--timeout", "1s").code == 3


def test_wait_takes_labels_and_waits_for_an_end(cluster, said):
    cluster.do(lambda plane: plane.create_all([app("web", **synced()), app("api", **synced())]))

    by_label = said("app", "wait", "-l", "team=shop", "--timeout", "10s")
    cluster.later(1.0, lambda plane: plane.store.delete(Ref(APPLICATION, "argocd", "web")))

    assert (by_label.code, by_label.out.count("Synced")) == (0, 2)
    assert said("app", "wait", "web", "--delete", "--timeout", "20s").code == 0
    assert said("app", "wait", "web", "--delete").code == 0  # nothing is left to wait for
    assert said("app", "wait", "api", "--delete", "--timeout", "1s").code == 3
    assert said("app", "wait").code == 64


def test_set_changes_what_is_named_and_nothing_else(cluster, said):
    cluster.do(
        lambda plane: plane.create(
            app(policy={"automated": {"enabled": False}, "syncOptions": ["Prune=false", "Validate=false"]})
        )
    )

    said(
        "app",
        "set",
        "web",
        "--revision",
        "v2",
        "-p",
        "image.tag=1",
        "-p",
        "size=m",
        "--kustomize-image",
        "r.test:5000/web:1",
    )
    told = said("app", "set", "web", "-p", "image.tag=2", "--kustomize-image", "r.test:5000/web:2", "--kustomize-image", "api=r.test/api:1", "--sync-policy", "automated", "--auto-prune", "--self-heal", "--sync-option", "!Prune=false", "--sync-option", "CreateNamespace=true", "--dest-name", "in-cluster")  # fmt: skip

    spec = stored(cluster)["spec"]
    assert (told.code, told.err) == (0, "")
    assert spec["source"] == {
        "repoURL": URL,
        "path": "web",
        "targetRevision": "v2",
        "helm": {"parameters": [{"name": "image.tag", "value": "2"}, {"name": "size", "value": "m"}]},
        "kustomize": {"images": ["r.test:5000/web:2", "api=r.test/api:1"]},
    }
    assert spec["destination"] == {"name": "in-cluster", "namespace": "argocd"}
    assert spec["syncPolicy"] == {
        "automated": {"prune": True, "selfHeal": True},
        "syncOptions": ["Validate=false", "CreateNamespace=true"],
    }
    assert "is so already" in said("app", "set", "web", "--revision", "v2").out


def test_set_turns_automation_off_and_names_what_cannot_be_set(cluster, said):
    cluster.do(lambda plane: plane.create(app(policy={"automated": {"prune": True}})))

    assert said("app", "set", "web", "--auto-prune=false").code == 0
    assert stored(cluster)["spec"]["syncPolicy"]["automated"] == {"prune": False}
    assert said("app", "set", "web", "--sync-policy", "none").code == 0
    assert "automated" not in stored(cluster)["spec"].get("syncPolicy", {})
    assert "--sync-policy automated" in said("app", "set", "web", "--self-heal").err
    assert said("app", "set", "web", "--source-position", "2", "--revision", "x").code == 64


def test_a_deletion_is_confirmed_with_the_time(cluster, said):
    cluster.do(lambda plane: plane.create(app(**synced())))

    assert said("app", "confirm-deletion", "web").code == 0
    assert stored(cluster)["metadata"]["annotations"]["argocd.argoproj.io/deletion-approved"].endswith("Z")


def test_a_rollback_takes_the_source_of_the_history(cluster, said):
    source = {"repoURL": URL, "path": "web"}
    entries = [{"id": number, "revision": str(number) * 40, "source": source, "deployedAt": "2026-01-01T00:00:00Z", "deployStartedAt": "2026-01-01T00:00:00Z"} for number in (1, 2)]  # fmt: skip
    cluster.do(lambda plane: plane.create(app(**synced(history=entries))))

    listed = said("app", "history", "web")
    told = said("app", "rollback", "web", "--async")

    assert [line.split()[0] for line in listed.out.splitlines()] == ["ID", "2", "1"]
    assert told.code == 0
    sync = stored(cluster)["operation"]["sync"]
    assert (sync["revision"], sync["source"], sync["syncStrategy"]) == ("1" * 40, source, {"apply": {}})


def test_a_rollback_is_refused_while_git_would_win_again(cluster, said):
    cluster.do(lambda plane: plane.create(app(policy={"automated": {}}, **synced())))

    assert "automated sync is on" in said("app", "rollback", "web", "1").err


def test_terminate_tells_the_controller(cluster, said):
    state = {"phase": "Running", "startedAt": "2026-01-01T00:00:00Z", "operation": {}}
    cluster.do(lambda plane: plane.create(app(**synced(operationState=state))))

    assert said("app", "terminate-op", "web").code == 0
    assert stored(cluster)["status"]["operationState"]["phase"] == "Terminating"
    assert said("app", "terminate-op", "web").code == 1


def test_an_application_is_created_changed_and_deleted_with_its_objects(cluster, said):
    words = ("app", "create", "new", "--repo", URL, "--path", "x", "--dest-namespace", "shop")
    made, again = said(*words), said(*words)
    changed = said(*words, "--upsert", "--sync-policy", "automated", "--self-heal")

    assert (made.code, again.code, changed.code) == (0, 1, 0)
    assert stored(cluster, "new")["spec"]["syncPolicy"] == {"automated": {"selfHeal": True}}
    assert said("app", "delete", "new", "-y").code == 0
    assert stored(cluster, "new")["metadata"]["finalizers"] == ["resources-finalizer.argocd.argoproj.io"]
    assert said("app", "delete", "new", "-y", "--no-cascade").code == 0
    assert cluster.do(lambda plane: plane.store.find(Ref(APPLICATION, "argocd", "new"))) is None


@pytest.fixture
def shop(tmp_path):
    return Repository(tmp_path / "shop")


def test_manifests_are_rendered_here_from_git(cluster, said, shop):
    shop.commit({"web/a.yaml": config_map("a", "git")})
    cluster.do(lambda plane: plane.create(app(url=shop.url)))

    told = said("app", "manifests", "web", "-o", "json")

    assert [each["data"] for each in json.loads(told.out)] == [{"word": "git"}]


def test_a_branch_is_previewed_against_the_cluster(cluster, said, shop):
    shop.commit({"web/a.yaml": config_map("a", "git"), "web/b.yaml": config_map("b")})
    cluster.do(lambda plane: plane.create_all([app(url=shop.url), config_map_of("a", word="live")]))

    told = said("app", "diff", "web", "--revision", "main")

    assert told.code == 1
    assert "  data.word (" in told.out and '+ "git"' in told.out and "not in the cluster" in told.out


def test_repositories_are_stored_listed_without_their_secrets_and_forgotten(cluster, said, monkeypatch):
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("correct-horse\n"))

    added = said("repo", "add", URL, "--username", "ci", "--password-stdin")
    listed = said("repo", "list")

    assert added.code == 0
    assert listed.out.splitlines()[1].split() == ["git", added.out.split("/")[-1].strip(), URL, "-", "password"]
    assert "correct-horse" not in added.out + listed.out
    assert said("repo", "rm", URL.removesuffix(".git")).code == 0
    assert said("repo", "rm", URL).code == 5
    assert said("repo", "add", "ext::sh -c id").code == 64


def test_credentials_for_all_below_an_address_are_listed_and_forgotten_as_such(cluster, said):
    assert said("repo", "add", "https://git.test/team", "--username", "ci", "--template").code == 0

    listed = said("repo", "list")

    assert listed.out.splitlines()[1].split()[2] == "https://git.test/team/**"
    assert json.loads(said("repo", "list", "-o", "json").out)[0]["template"] is True
    assert said("repo", "rm", "https://git.test/team").code == 5
    assert said("repo", "rm", "https://git.test/team", "--template").code == 0
    assert said("repo", "list").out.splitlines()[1:] == []


@pytest.mark.parametrize(
    "words",
    [
        ("oci://registry.test/charts", "--type", "helm"),
        ("oci://registry.test/charts", "--type", "helm", "--enable-oci"),
        ("registry.test/charts", "--type", "helm", "--enable-oci"),
    ],
)
def test_a_registry_of_charts_is_stored_as_one(cluster, said, words):
    added = said("repo", "add", *words)

    assert added.code == 0, added.err
    assert said("repo", "list").out.splitlines()[1].split()[:1] == ["oci"]


def test_certificates_and_proxies_of_a_repository_are_stored(cluster, said, tmp_path):
    for name in ("cert", "key"):
        (tmp_path / name).write_text(f"the {name}")
    files = ("--tls-client-cert-path", str(tmp_path / "cert"), "--tls-client-cert-key-path", str(tmp_path / "key"))

    added = said("repo", "add", URL, *files, "--proxy", "http://proxy.test:3128", "--no-proxy", ".test")

    secret = stored(cluster, added.out.split("/")[-1].strip(), SECRET)
    assert sorted(secret["stringData"]) == ["noProxy", "proxy", "tlsClientCertData", "tlsClientCertKey", "type", "url"]
    assert said("repo", "list").out.splitlines()[1].split()[-1] == "certificate"


def test_a_repository_is_asked_for_a_revision(said, shop):
    sha = shop.commit({"a.yaml": config_map("a")})

    assert said("repo", "check", shop.url, "main").out.split() == [sha, "refs/heads/main"]


def test_windows_tell_their_next_openings_and_their_trap(cluster, said):
    windows = [
        {"kind": "allow", "schedule": "0 8-17 * * 1-5", "duration": "9h", "applications": ["*"]},
        {
            "kind": "deny",
            "schedule": "0 8 * * 1-5",
            "duration": "9h",
            "namespaces": ["shop"],
            "timeZone": "Europe/Berlin",
        },
        {"kind": "allow", "schedule": "not cron", "duration": "1h", "applications": ["*"]},
        {"kind": "deny", "schedule": "* * * * *", "duration": "24h", "applications": ["*"]},
    ]
    spec = {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}], "syncWindows": windows}
    meta = {"name": "shop", "namespace": "argocd"}
    cluster.do(lambda plane: plane.create({"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": meta, "spec": spec}))  # fmt: skip

    trap, plain, broken, always = json.loads(said("project", "windows", "shop", "-o", "json").out)
    told = said("project", "windows", "shop").out

    assert "stays open for 18 h at a stretch, not 9h; to open once a day write '0 8 * * 1-5'" in trap["warning"]
    assert (plain["warning"], len(plain["openings"]), plain["timeZone"]) == ("", 3, "Europe/Berlin")
    assert broken["warning"] and not broken["openings"]
    assert (always["open"], len(always["openings"]), always["openings"][0]["closes"]) == (True, 1, "")
    assert "  always\n  warning: it opens again while it is open, and so never closes" in told
    assert "warning: it opens again" in told
    assert said("project", "list").out.splitlines()[1].split()[0] == "shop"
    assert stored(cluster, "shop", APP_PROJECT)


def test_tools_say_what_is_here_and_refuse_what_nobody_knows(typed):
    listed = json.loads(typed("tools", "list", "-o", "json").out)

    assert {each["name"] for each in listed} == {"kustomize", "helm", "sops", "jsonnet", "git"}
    assert next(each for each in listed if each["name"] == "git")["version"].startswith("git version")
    assert typed("tools", "install", "nmap").code == 64
