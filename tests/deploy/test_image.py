"""The image's recipe, as far as one can hold it to account without building it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from rollouts.cli.main import root
from rollouts.shell.tools import TOOLS
from tests.deploy.requirements import pinned

HERE = Path(__file__).parents[2]
RECIPE = (HERE / "Containerfile").read_text().replace("\\\n", " ")
PROJECT = tomllib.loads((HERE / "pyproject.toml").read_text())
STAGES = {
    name: text for text in re.split(r"(?m)^(?=FROM )", RECIPE)[1:] for name in re.findall(r"^FROM \S+ AS (\w+)", text)
}
IMAGES = ("gitops", "controller")


def copied() -> set[str]:
    """What the build takes out of this checkout."""
    lines = re.findall(r"(?m)^COPY (?!--from)(.+)$", RECIPE)
    return {source for line in lines for source in line.split()[:-1]}


def test_everything_that_the_package_is_built_from_is_copied_and_exists() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    project = PROJECT["project"]
    needed = {"pyproject.toml", project["readme"], "LICENSE", *wheel["packages"], *wheel["force-include"]}
    needed.add("deploy/requirements")

    assert copied() == needed
    assert [name for name in needed if not (HERE / name).exists()] == []


def test_nothing_else_is_sent_to_the_build() -> None:
    lines = (HERE / ".dockerignore").read_text().splitlines()

    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == copied()


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_runs_as_a_number_that_is_not_root(name: str) -> None:
    assert re.findall(r"(?m)^USER (.+)$", STAGES[name]) == ["65532:65532"]


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_starts_a_command_that_exists(name: str) -> None:
    import click

    ((command, *flags),) = [re.findall(r'"([^"]+)"', line) for line in re.findall(r"(?m)^CMD (.+)$", STAGES[name])]
    known = root.get_command(click.Context(root), command)

    assert re.findall(r"(?m)^ENTRYPOINT (.+)$", STAGES[name]) == ['["rollouts"]']
    assert known is not None
    assert {flag.split("=")[0] for flag in flags} <= {option for param in known.params for option in param.opts}


def test_the_last_stage_is_the_controller() -> None:
    assert list(STAGES)[-1] == "controller"


def test_every_base_is_named_once_with_its_version() -> None:
    bases = dict(re.findall(r"(?m)^ARG (\w+)=(\S+)$", RECIPE))

    assert set(re.findall(r"(?m)^FROM (\S+)", RECIPE)) - set(STAGES) == {f"${{{name}}}" for name in bases}
    assert all(re.search(r":\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?$", base) for base in bases.values())


def test_the_tools_are_the_ones_that_the_sync_core_was_tested_with() -> None:
    built = set(re.findall(r"(\S+@v[\d.]+)", STAGES["tools"]))
    installed = " ".join(re.findall(r"(?m)^RUN (.+)$", STAGES["gitops"]))

    assert built == {tool.module for tool in TOOLS if tool.module}
    assert all(tool.wheel in pinned("gitops") for tool in TOOLS if tool.wheel)
    assert {"git", "gpgv", "openssh-client", "util-linux"} <= set(installed.split())
