"""From a push to the cluster: the controller as a process, a real git server, the command line, the metrics, the trail."""

# ruff: noqa: E501 - a command stands on one line, as it is typed

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollouts.kube.kinds import CONFIG_MAP
from rollouts.kube.ref import Ref
from tests.cli.cluster import Cluster
from tests.gitops_render.forge import Repository, Server, config_map


class Place:
    """A cluster, a controller with the sync core, and a git server with one repository."""

    def __init__(self, cluster: Cluster, where: Path) -> None:
        self.cluster = cluster
        self.kubeconfig = cluster.do(lambda plane: plane.write_kubeconfig(where / "kubeconfig"))
        # Where the controller itself lives, Applications need nobody's leave.
        self.kubeconfig.write_text(self.kubeconfig.read_text().replace("namespace: default", "namespace: argocd"))
        self.shop = Repository(where / "shop")
        self.git = Server(self.shop.bare.parent)
        self.audit = where / "audit.jsonl"
        self._errors = (where / "controller.log").open("w+")
        words = ["controller", "--rooms", "gitops", "--no-leader-elect", "--health-port", "-1", "--metrics-port", "-1"]
        words += [
            "--sync-metrics-port",
            "0",
            "--audit-file",
            str(self.audit),
            "--sources-directory",
            str(where / "state"),
        ]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rollouts.cli.main", *words], env=self.environment, stderr=self._errors
        )

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig)}

    def say(self, *words: str) -> subprocess.CompletedProcess[str]:
        words = ("-m", "rollouts.cli.main", *words, "-n", "argocd")
        return subprocess.run(
            [sys.executable, *words], env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )

    def figures(self) -> str:
        for line in self.log().splitlines():
            if '"sync_metrics_port"' in line:
                port = json.loads(line)["sync_metrics_port"]
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                    return answer.read().decode()
        raise AssertionError("the controller has not started")

    def log(self) -> str:
        self._errors.flush()
        return Path(self._errors.name).read_text()

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        self.git.close()
        self._errors.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Cluster(serves_pods=False) as cluster:
        for name in ("argocd", "shop"):
            cluster.do(
                lambda plane, name=name: plane.create(
                    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
                )
            )
        found = Place(cluster, tmp_path)
        yield found
        found.close()


def word(place: Place) -> str | None:
    found = place.cluster.do(lambda plane: plane.store.find(Ref(CONFIG_MAP, "shop", "a")))
    return found["data"]["word"] if found else None


def test_a_push_is_seen_compared_synced_and_told(place):
    place.shop.commit({"web/a.yaml": config_map("a", "one")})
    url = place.git.url("shop.git")
    created = place.say(
        "app", "create", "web", "--repo", url, "--path", "web", "--revision", "main", "--dest-namespace", "shop"
    )

    before = place.say("app", "diff", "web", "--refresh")
    synced = place.say("app", "sync", "web", "--timeout", "40s")
    after = place.say("app", "diff", "web", "--refresh")

    assert created.returncode == 0, created.stderr
    assert (before.returncode, before.stderr) == (1, "")
    assert synced.returncode == 0, synced.stderr + place.log()
    assert "ConfigMap/a" in synced.stdout
    assert (word(place), after.returncode, after.stdout) == ("one", 0, "")

    second = place.shop.commit({"web/a.yaml": config_map("a", "two")})
    changed = place.say("app", "diff", "web", "--refresh")
    again = place.say("app", "sync", "web", "--timeout", "40s")
    waited = place.say("app", "wait", "web", "--timeout", "40s")

    assert changed.returncode == 1
    assert '- "one"' in changed.stdout and '+ "two"' in changed.stdout
    assert (again.returncode, waited.returncode) == (0, 0)
    assert (word(place), second in place.say("app", "history", "web").stdout) == ("two", True)
    figures = place.figures()
    assert 'argocd_app_sync_total{dest_server="https://kubernetes.default.svc",dry_run="false",name="web"' in figures
    assert f'argocd_git_request_total{{repo="{url}",request_type="fetch"}}' in figures
    records = [json.loads(line) for line in place.audit.read_text().splitlines()]
    assert [each["what"] for each in records] == ["sync", "sync succeeded"] * 2
    assert records[-1]["revisions"] == [second]


def test_a_rollback_brings_back_what_was(place):
    place.shop.commit({"web/a.yaml": config_map("a", "one")})
    place.say("app", "create", "web", "--repo", place.shop.url, "--path", "web", "--dest-namespace", "shop")
    assert place.say("app", "sync", "web", "--timeout", "40s").returncode == 0, place.log()
    place.shop.commit({"web/a.yaml": config_map("a", "two")})
    place.say("app", "diff", "web", "--refresh")
    assert place.say("app", "sync", "web", "--timeout", "40s").returncode == 0
    began_s = time.monotonic()

    back = place.say("app", "rollback", "web", "--timeout", "40s")

    assert back.returncode == 0, back.stderr
    assert word(place) == "one"
    assert time.monotonic() - began_s < 40


def test_a_broken_commit_is_told_and_nothing_is_pruned(place):
    place.shop.commit({"web/a.yaml": config_map("a", "one")})
    place.say(
        "app",
        "create",
        "web",
        "--repo",
        place.shop.url,
        "--path",
        "web",
        "--dest-namespace",
        "shop",
        "--sync-policy",
        "auto",
        "--auto-prune",
    )
    place.say("app", "wait", "web", "--timeout", "40s")
    place.shop.commit({"web/a.yaml": "kind: ConfigMap\nmetadata: [\n"})

    broken = place.say("app", "diff", "web", "--refresh")

    assert broken.returncode == 2
    assert "web/a.yaml:" in broken.stderr
    assert word(place) == "one"
