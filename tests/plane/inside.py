"""Tests marked `netns` run inside a network namespace, in one pytest of their own, and report here like any other.

The outer run replaces each such test by an item that asks the inner run for its outcome. The inner run is started when
the first of them is due and is given exactly the tests that were selected.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.plane.build import PlaneMissingError
from tests.plane.leftout import leave_out
from tests.plane.netns import is_inside, why_not, wrapped
from tests.plane.plane import ROOT
from tests.plane.schemas import fetched

PART = "real traffic in a network namespace"
INNER_S_MAX = 900
LEFT_OUT = "left out of the inner run: "


class Inner:
    """The inner run, made once."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._outcomes: dict[str, tuple[str, str]] | None = None
        self._said = ""

    def outcome(self, name: str) -> tuple[str, str]:
        """(passed | failed | skipped, text) of one test by its node id."""
        if self._outcomes is None:
            self._outcomes = self._run()
        return self._outcomes.get(name, ("failed", f"the inner run did not report it:\n{self._said[-4000:]}"))

    def _run(self) -> dict[str, tuple[str, str]]:
        with suppress(PlaneMissingError):  # there is no way out of the namespace; what is missing is told inside
            fetched(print)
        with tempfile.TemporaryDirectory(prefix="rollouts-inner-") as folder:
            report = Path(folder) / "report.xml"
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}",
                       "-o", "junit_family=xunit2", *self._names]  # fmt: skip
            done = subprocess.run(
                wrapped(command), cwd=ROOT, capture_output=True, text=True, timeout=INNER_S_MAX, check=False
            )
            self._said = done.stdout + done.stderr
            return _outcomes(report) if report.exists() else {}


def _outcomes(report: Path) -> dict[str, tuple[str, str]]:
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{(case.get('classname') or '').replace('.', '/')}.py::{case.get('name')}"
        outcome, text = "passed", ""
        for part in case:
            if part.tag in ("failure", "error"):
                outcome, text = "failed", part.text or part.get("message") or ""
            elif part.tag == "skipped":
                outcome, text = "skipped", part.get("message") or ""
        found[name] = (outcome, text)
    return found


class InsideItem(pytest.Item):
    """Stands in the outer run for a test of the inner one."""

    inner: Inner
    original: pytest.Item

    def runtest(self) -> None:
        """Take over what the inner run found."""
        if reason := why_not():
            leave_out(self.config, PART, reason)
        outcome, text = self.inner.outcome(self.nodeid)
        if outcome == "failed":
            pytest.fail(text, pytrace=False)
        if outcome == "skipped":
            leave_out(self.config, text.partition(": ")[0], text.partition(": ")[2] or text)

    def reportinfo(self) -> Any:
        """Where the test itself stands."""
        return self.original.reportinfo()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Put the stand-ins in place of the selected tests that need a namespace."""
    if is_inside():
        return
    wanted = [item for item in session.items if item.get_closest_marker("netns")]
    inner = Inner([item.nodeid for item in wanted])
    for item in wanted:
        assert item.parent
        stand_in: InsideItem = InsideItem.from_parent(item.parent, name=item.name)
        stand_in.inner, stand_in.original = inner, item
        stand_in.own_markers = item.own_markers
        session.items[session.items.index(item)] = stand_in
