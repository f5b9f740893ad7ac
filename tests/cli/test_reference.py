"""The generated pages are current, and the written ones hold what they promise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from rollouts.cli.findings import Source, lint
from rollouts.cli.main import COMMANDS
from rollouts.cli.reference import PAGES
from tests.snapshots import matches

DOCS = Path(__file__).parents[2] / "docs"
PAPERS = [*sorted(DOCS.parent.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
SPECS = sorted((DOCS / "spec").glob("*.md"))


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_is_current(name: str) -> None:
    matches(DOCS / "reference" / name, PAGES[name]())


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_the_yaml_of_a_page_is_free_of_errors(path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", path.read_text(), re.S)

    findings = lint([Source(f"{path.name}#{number}", block) for number, block in enumerate(blocks, 1)])

    assert blocks
    assert [finding for finding in findings if finding.severity == "error"] == []


@pytest.mark.parametrize("path", [*SPECS, DOCS / "divergences.md"], ids=lambda path: path.name)
def test_every_command_that_a_page_names_exists(path: Path) -> None:
    named = re.findall(r"`rollouts ([a-z]+)", path.read_text())

    assert set(named) <= COMMANDS.keys()


@pytest.mark.parametrize(
    "path", sorted(DOCS.parent.glob("*.md")) + sorted(DOCS.rglob("*.md")), ids=lambda path: path.name
)
def test_every_link_to_a_file_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text())

    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_kind_of_ours_has_its_fields_described() -> None:
    crds = [yaml.safe_load(path.read_text()) for path in (DOCS.parent / "crds").glob("*.yaml")]
    kinds = [crd["spec"]["names"]["kind"] for crd in crds]
    page = (DOCS / "reference" / "fields.md").read_text()

    assert [kind for kind in kinds if f"## {kind}\n" not in page] == []
    assert [line for line in page.splitlines() if line.startswith("| `") and line.endswith("|  |")] == []
