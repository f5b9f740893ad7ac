"""Routers of other packages: found by entry point, watched and written like our own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rollouts.core.errors import BrokenError
from rollouts.kube.kinds import ROLLOUT
from rollouts.shell import plugins, wiring

MODULE = """
from rollouts.kube.ref import Kind, Ref
from rollouts.traffic import Dialect, Reading

EDGE = Kind("example.com", "v1", "Edge", "edges")
DIALECT = Dialect(
    "edge",
    (EDGE,),
    refs=lambda settings, traffic, get: (Ref(EDGE, traffic.namespace, settings["name"]),),
    read=lambda settings, traffic, manifest: Reading((manifest["spec"]["share"],)),
    edit=lambda settings, traffic, manifest, split: {**manifest, "spec": {"share": split.canary}},
)
"""


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch, points: str) -> None:
    """A package beside the controller, as an installer leaves it."""
    (folder / "edge_router.py").write_text(MODULE)
    info = folder / "edge_router-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: edge-router\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[rollouts.routers]\n{points}\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "edge_router", raising=False)


def test_an_installed_router_is_watched_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, monkeypatch, "example.com/edge = edge_router:DIALECT")

    (delivery,) = (room for room in wiring.rooms() if room.kind == ROLLOUT)

    edges = [kind for kind in delivery.on_demand if kind.name == "Edge"]
    assert len(edges) == 1 and edges[0] in delivery.fences


def test_an_entry_point_that_is_no_router_keeps_the_controller_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path, monkeypatch, "example.com/edge = edge_router:MODULE_NAME_THAT_IS_TEXT")
    (tmp_path / "edge_router.py").write_text("MODULE_NAME_THAT_IS_TEXT = 'no dialect'")

    with pytest.raises(BrokenError, match="is no Dialect"):
        plugins.routers()
