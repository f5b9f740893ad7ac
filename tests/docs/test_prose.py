"""What the pages tell people to type, to alert on and to apply is what there is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from rollouts.cli.lint import Source, lint
from rollouts.cli.main import root

HERE = Path(__file__).parents[2]
DOCS = HERE / "docs"
README = HERE / "README.md"
PAGES = sorted(
    path
    for path in (*HERE.glob("*.md"), *DOCS.rglob("*.md"), *HERE.glob("deploy/*.md"), *HERE.glob("examples/**/*.md"))
    if path.name != "cli.md"  # written by the command line itself
)
OPERATING = DOCS / "operating.md"


def named(page: Path) -> str:
    return str(page.relative_to(HERE))


def commands(page: Path) -> Iterator[str]:
    """Every call of the command line that a page shows, as a line of code or within a sentence."""
    text = page.read_text()
    for line in re.findall(r"(?m)^(?: {4}|\$ )?((?:kubectl |\.venv/bin/)?rollouts [^\n`]+)$", text):
        yield re.split(r"\s+#|\s+>|\s+\|", line)[0]
    yield from re.findall(r"`((?:kubectl |\.venv/bin/)?rollouts [a-z][^`\n]*)`", text)


def complaint(line: str) -> str:
    """What the command line has against a call: a command or an option that it does not know; "" for nothing."""
    words = shlex.split(line.replace("…", "x").replace("|", " "))
    words = words[words.index(next(word for word in words if word.endswith("rollouts"))) + 1 :]
    # As the command line makes it: click keeps the first help option that it gives a command.
    context, command = click.Context(root, help_option_names=root.context_settings["help_option_names"]), root
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        if found is None:
            return f"{line}: no command {words[0]}"
        command, words = found, words[1:]
    known = {option for each in (root, command) for param in each.get_params(context) for option in param.opts}
    known |= {option for param in command.get_params(context) for option in param.secondary_opts}
    given = [word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    return "; ".join(
        f"{line}: no option {option}" for option in given if option not in known and option[:2] not in known
    )


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_on_a_page_is_one_that_there_is(page: Path) -> None:
    assert [said for line in commands(page) if (said := complaint(line))] == []


def test_commands_are_found_on_the_pages() -> None:
    assert len([line for page in PAGES for line in commands(page)]) > 60
    assert complaint("kubectl rollouts promot web") and complaint("rollouts promote web --ful")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_to_a_file_and_to_a_heading(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    missing = []
    for target, _, anchor in (link.partition("#") for link in re.findall(r"\]\(([^)\s:]+)\)", text)):
        there = (page.parent / target) if target else page
        if not there.exists():
            missing.append(target)
        elif anchor and anchor not in anchors(there):
            missing.append(f"{target}#{anchor}")

    assert missing == []


def anchors(page: Path) -> set[str]:
    """The headings of a page as forges spell them in links."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_the_readme_has_two_commands_to_set_up() -> None:
    (block,) = re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)

    assert [line.split("#")[0].strip() for line in block.splitlines()] == ["make demo", "make test"]


@pytest.mark.parametrize("folder", [*HERE.glob("examples/0*"), *HERE.glob("examples/gitops/00[0-2]*")], ids=named)
def test_the_examples_have_nothing_that_lint_would_mend(folder: Path) -> None:
    sources = [Source(named(path), text) for path in folder.rglob("*.yaml") if "kind:" in (text := path.read_text())]

    assert lint(sources) == ()


def test_the_figures_of_the_readme_are_measured_ones() -> None:
    measured = (HERE / "benchmarks/BENCHMARKS.md").read_text()
    told = re.findall(r"(?m)^\| [^|]+ \| ([^|]*\d[^|]*) \|$", README.read_text())

    assert [number for cell in told for number in re.findall(r"\d+\.?\d*", cell) if number not in measured] == []
    assert len(told) > 5


def test_every_page_is_in_the_index() -> None:
    linked = {(DOCS / link).resolve() for link in re.findall(r"\]\(([^)#:]+)\)", (DOCS / "README.md").read_text())}

    assert {page for page in DOCS.rglob("*.md") if page.name != "README.md"} - linked == set()


def test_the_lines_that_the_architecture_shows_stand_where_it_says() -> None:
    shown = re.findall(r"(?m)^\| `(.+)` \| [^|`]+ \| `([\w/]+\.py)` \|$", (HERE / "ARCHITECTURE.md").read_text())
    rooms = (HERE, HERE / "rollouts")

    assert len(shown) > 5
    assert [
        line for line, at in shown if not any(line in (x / at).read_text() for x in rooms if (x / at).exists())
    ] == []


def blocks() -> list[dict[str, object]]:
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", OPERATING.read_text(), re.DOTALL)]


def test_every_alert_is_told_with_what_to_do() -> None:
    (rules,) = yaml.safe_load_all((HERE / "deploy" / "alerts" / "rules.yaml").read_text())
    shipped = [rule["alert"] for group in rules["spec"]["groups"] for rule in group["rules"]]
    told = re.findall(r"(?m)^\| `((?:Rollout|Application|Git)\w+)` \|", OPERATING.read_text())

    assert told == shipped


def test_the_network_policy_lets_in_what_the_controller_listens_on() -> None:
    (policy,) = (found for found in blocks() if found.get("kind") == "NetworkPolicy")
    deployment = yaml.safe_load((HERE / "deploy/base/deployment.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    spec: dict[str, object] = policy["spec"]  # type: ignore[assignment]  # YAML

    allowed = {port["port"] for rule in spec["ingress"] for port in rule["ports"]}  # type: ignore[attr-defined]  # YAML
    assert allowed == {port["containerPort"] for port in container["ports"]}
    assert (
        spec["podSelector"]["matchLabels"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()  # type: ignore[index]  # YAML
    )
