"""The generated pages of docs/reference: every command, and every field of every kind.

`python -m rollouts.cli.reference docs/reference` writes them; a test compares.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from rollouts.cli.frame import LazyGroup
from rollouts.cli.main import root

WIDTH = 100
HEAD = """# Command line

Generated from `--help`; a test compares.
`kubectl rollouts …` is the same program where `kubectl-rollouts` is on the PATH.
"""


def page() -> str:
    """Every command's help, in the order of the table."""
    parts = [HEAD]
    for words, command in walk(root, ("rollouts",)):
        context = click.Context(
            command,
            info_name=" ".join(words),
            terminal_width=WIDTH,
            max_content_width=WIDTH,
            help_option_names=root.context_settings["help_option_names"],
        )
        text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
        parts.append(f"## {' '.join(words)}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def walk(group: LazyGroup, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A group and every command below it that its listing shows, with the words that call it."""
    pending: list[tuple[tuple[str, ...], click.Command]] = [(words, group)]
    while pending:
        called, command = pending.pop(0)
        yield called, command
        if isinstance(command, LazyGroup):
            context = click.Context(command)
            shown = [name for name, entry in command.table.items() if not entry.hidden]
            below = [((*called, name), command.get_command(context, name)) for name in shown]
            pending = [(path, found) for path, found in below if found is not None] + pending


FIELDS_HEAD = """# Fields

Generated from the CRDs, which are generated from `rollouts/api`; a test compares.
`kubectl explain rollout.spec` says the same on a cluster. `[]` is an element of a list, `.*` a value of a map.
"""


def fields() -> str:
    """Every field of the spec and status of every kind that has a CRD here."""
    from rollouts.api.crds import definitions

    parts = [FIELDS_HEAD]
    for crd in definitions():
        (version,) = crd["spec"]["versions"]
        properties = version["schema"]["openAPIV3Schema"]["properties"]
        rows = [
            f"| `{path}` | {_type(schema)} | {_cell(schema.get('description', ''))} |"
            for root_name in ("spec", "status")
            if root_name in properties
            for path, schema in _schemas(root_name, properties[root_name])
        ]
        parts.append(
            "\n".join((f"## {crd['spec']['names']['kind']}\n", "| field | type | |", "|---|---|---|", *rows, ""))
        )
    return "\n".join(parts)


def _schemas(path: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A schema and those below it, in their order. Bounded by the depth of a CRD."""
    yield path, schema
    for name, inner in (schema.get("properties") or {}).items():
        yield from _schemas(f"{path}.{name}", inner)
    for below, mark in ((schema.get("items"), "[]"), (schema.get("additionalProperties"), ".*")):
        if isinstance(below, Mapping):
            yield from list(_schemas(f"{path}{mark}", below))[1:]


def _type(schema: Mapping[str, Any]) -> str:
    if schema.get("x-kubernetes-int-or-string"):
        return "integer or string"
    for inner, word in ((schema.get("items"), "list of"), (schema.get("additionalProperties"), "map of")):
        if isinstance(inner, Mapping):
            return f"{word} {_type(inner)}"
    return str(schema.get("type") or "any")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


PAGES = {"cli.md": page, "fields.md": fields}

if __name__ == "__main__":
    for file_name, made in PAGES.items():
        (Path(sys.argv[1]) / file_name).write_text(made(), encoding="utf-8")
