"""Sync windows on disk: those that cannot be read, and those that are open for longer than they seem to say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from rollouts.api.parse import parse_project
from rollouts.core.errors import Refusal
from rollouts.gitops import windows
from rollouts.kit.instant import Instant
from rollouts.kube.kinds import APP_PROJECT
from rollouts.kube.ref import Manifest

OPENINGS = 8  # a week of days and one more
_FROM = Instant.parse("2026-01-05T00:00:00Z")  # any Monday: a file is judged alike on all days


def window_findings(manifest: Manifest) -> Iterator[tuple[Refusal, Literal["error", "warning"]]]:
    """What is wrong with the windows of an AppProject; nothing for any other object."""
    if manifest.get("kind") != APP_PROJECT.name or manifest.get("apiVersion") != APP_PROJECT.api_version:
        return
    parsed = parse_project(manifest)
    for refusal in parsed.refusals:
        yield refusal, "error"
    assert _FROM is not None
    for index, window in enumerate(parsed.spec.sync_windows if parsed.spec else ()):
        at = f"spec.syncWindows[{index}].schedule"
        if wrong := windows.problem(window):
            yield (
                Refusal("WindowInvalid", at, wrong, fix="five fields of cron, a duration above zero, a known zone"),
                "error",
            )
        elif said := windows.surprise(window, windows.next_spans(window, _FROM, OPENINGS)):
            text, _, mend = said.partition("; ")
            yield Refusal("WindowOverlaps", at, text, got=repr(window.schedule), fix=mend), "warning"
