"""What is kept of syncs: the audit trail and the figures."""

# ruff: noqa: E501 - a payload stands on one line, so that a table stays a table

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from rollouts.kube.kinds import APPLICATION
from rollouts.kube.ref import Ref
from rollouts.shell.appfigures import AppFigures
from rollouts.shell.audit import Audit, broken_line
from rollouts.shell.cache import Change

REF = Ref(APPLICATION, "argocd", "web")


def app(phase: str = "", finished: str = "", **by: object) -> dict:
    state = {
        "phase": phase,
        "startedAt": "2026-01-01T00:00:00Z",
        "finishedAt": finished,
        "operation": {"sync": {"prune": True}, "initiatedBy": by},
        "syncResult": {"revision": "a" * 40},
        "message": "successfully synced",
    }
    spec = {
        "source": {"repoURL": "https://u:p4ss@git.test/shop/web"},
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        "syncPolicy": {"automated": {}},
    }
    status = {
        "sync": {"status": "Synced"},
        "health": {"status": "Healthy"},
        **({"operationState": state} if phase else {}),
    }
    return {"metadata": {"name": "web", "namespace": "argocd", "uid": "1"}, "spec": spec, "status": status}


def lived(see) -> None:
    running, done = app("Running", username="ada"), app("Succeeded", "2026-01-01T00:00:07Z", username="ada")
    see(Change(REF, None, app()))
    see(Change(REF, app(), running))
    see(Change(REF, running, running))
    see(Change(REF, running, done))
    see(Change(REF, done, done))


def test_the_trail_tells_who_did_what_from_which_commit(tmp_path):
    file = tmp_path / "audit.jsonl"
    lived(Audit(file).see)

    began, ended = [json.loads(line) for line in file.read_text().splitlines()]

    assert (began["who"], began["what"], began["revisions"]) == ("ada", "sync", ["a" * 40])
    assert (ended["what"], ended["time"], ended["said"]) == (
        "sync succeeded",
        "2026-01-01T00:00:07Z",
        "successfully synced",
    )
    assert file.stat().st_mode & 0o077 == 0


def test_a_restart_goes_on_where_the_trail_ended(tmp_path):
    file = tmp_path / "audit.jsonl"
    lived(Audit(file).see)
    again = Audit(file)
    again.see(Change(REF, None, app("Succeeded", "2026-01-01T00:00:07Z", username="ada")))

    assert len(file.read_text().splitlines()) == 2
    assert broken_line(file) is None


def test_a_disk_that_is_full_for_a_while_leaves_whole_lines_and_stops_nobody(tmp_path):
    file = tmp_path / "audit.jsonl"
    audit = Audit(file)
    running, failed, again = app("Running"), app("Failed"), app("Succeeded")
    audit.see(Change(REF, app(), running))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 10, hard))
    try:
        audit.see(Change(REF, running, failed))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    audit.see(Change(REF, failed, again))

    assert [json.loads(line)["what"] for line in file.read_text().splitlines()] == ["sync", "sync succeeded"]
    assert broken_line(file) is None


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (lambda lines: [lines[0].replace("ada", "eve"), lines[1]], 1),
        (lambda lines: lines[1:], 1),
        (lambda lines: [lines[0], "{}\n"], 2),
        (lambda lines: [lines[0], "not json\n"], 2),
    ],
)
def test_a_line_that_was_changed_or_taken_out_shows(tmp_path, spoil, line):
    file = tmp_path / "audit.jsonl"
    lived(Audit(file).see)
    file.write_text("".join(spoil(file.read_text().splitlines(keepends=True))))

    assert broken_line(file) == line


def test_the_figures_have_the_names_that_dashboards_know():
    registry = CollectorRegistry()
    figures = AppFigures(registry, lambda: [app()])
    lived(figures.see)
    figures.git("https://git.test/shop/web", "fetch", 0.2, ok=False)

    text = generate_latest(registry).decode()

    assert 'argocd_app_info{autosync_enabled="true",dest_namespace="shop"' in text
    assert 'argocd_app_sync_total{dest_server="https://kubernetes.default.svc",dry_run="false",name="web",namespace="argocd",phase="Succeeded",project="default"} 1.0' in text  # fmt: skip
    assert "argocd_app_sync_duration_seconds_total{" in text and "} 7.0" in text
    assert 'argocd_git_fetch_fail_total{repo="https://git.test/shop/web"} 1.0' in text
    assert 'argocd_cluster_info{k8s_version="",name="in-cluster",server="https://kubernetes.default.svc"} 1.0' in text
    assert 'argocd_cluster_connection_status{k8s_version="",server="https://kubernetes.default.svc"} 1.0' in text
    assert "p4ss" not in text


@pytest.mark.parametrize("project", [None, "other"])
def test_an_application_that_is_gone_or_moved_is_counted_no_more(project):
    registry = CollectorRegistry()
    figures = AppFigures(registry, list)
    lived(figures.see)
    moved = app("Succeeded")
    moved["spec"]["project"] = project
    figures.see(Change(REF, app("Succeeded"), moved if project else None))

    assert 'name="web"' not in generate_latest(registry).decode()


def test_every_figure_has_its_row_with_its_labels():
    registry = CollectorRegistry()
    orphaned = app()
    orphaned["status"]["conditions"] = [{"type": "OrphanedResourceWarning", "message": "2 orphaned"}]
    figures = AppFigures(registry, lambda: [orphaned])
    lived(figures.see)
    figures.git("https://git.test/shop/web", "fetch", 0.2, ok=False)
    figures.see(Change(REF, app(), {**app(), "status": {"reconciledAt": "2026-01-01T00:00:00Z"}}))

    told = {family.name: {name for sample in family.samples for name in sample.labels} - {"le"} for family in registry.collect()}  # fmt: skip

    page = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text()
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| `argocd_")
    ]
    assert {row[0].strip("`"): set(row[2].split(", ")) for row in rows} == told


def test_a_cluster_by_name_counts_under_its_address_and_a_deletion_is_told():
    leaving = app()
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    leaving["spec"]["destination"] = {"name": "in-cluster", "namespace": "shop"}
    registry = CollectorRegistry()
    AppFigures(registry, lambda: [leaving])

    (line,) = [each for each in generate_latest(registry).decode().splitlines() if each.startswith("argocd_app_info{")]

    assert 'dest_server="https://kubernetes.default.svc"' in line
    assert 'operation="delete"' in line
