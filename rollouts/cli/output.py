"""How an answer leaves: for the eye, or as data; colours only where they are welcome."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click

from rollouts.kube.ref import Kind, Manifest
from rollouts.view.style import ASCII, UNICODE, Style

FORMATS = ("json", "yaml", "wide", "name")
_CLEAR, _HOME, _LINE_END, _REST = "\x1b[2J", "\x1b[H", "\x1b[K\n", "\x1b[J"


def output_option(*formats: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`-o json|yaml|wide|name`, as far as the command has such forms."""
    return click.option("-o", "--output", type=click.Choice(formats or FORMATS), help="Form of the answer.")


def no_color_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--no-color`."""
    return click.option("--no-color", is_flag=True, help="No colours, even on a terminal.")(function)


def style(*, no_color: bool = False) -> Style:
    """What standard output can show and wishes to see.

    Colours on a terminal only, unless CLICOLOR_FORCE asks for them; never with --no-color, NO_COLOR or TERM=dumb.
    """
    refused = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    forced = os.environ.get("CLICOLOR_FORCE", "0") != "0"
    try:
        "".join((*UNICODE.kinds.values(), *UNICODE.states.values(), UNICODE.fork)).encode(
            sys.stdout.encoding or "ascii"
        )
        glyphs = UNICODE
    except (UnicodeEncodeError, LookupError):
        glyphs = ASCII
    return Style(glyphs, colour=not refused and (forced or sys.stdout.isatty()))


def show(lines: Iterable[str]) -> None:
    """Print lines, colours included where the style put them."""
    text = "\n".join(lines)
    encoding = sys.stdout.encoding or "ascii"
    # A name in a script that this terminal lacks is shown with question marks rather than not at all.
    click.echo(text.encode(encoding, "replace").decode(encoding), color=True)


def redraw(lines: Iterable[str], *, first: bool) -> None:
    """Draw over the last picture without flicker."""
    start = (_CLEAR if first else "") + _HOME
    click.echo(start + "".join(line + _LINE_END for line in lines) + _REST, nl=False, color=True)


def show_data(value: Any, form: str, *, compact: bool = False) -> None:
    """Print a value as JSON (one line where `compact`) or as a YAML document."""
    if form == "json":
        text = json.dumps(
            value, ensure_ascii=False, separators=(",", ":") if compact else None, indent=None if compact else 4
        )
        show([text])
        return
    import yaml  # only where YAML is asked for

    show([("---\n" if compact else "") + yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip()])


def bare(manifest: Manifest) -> dict[str, Any]:
    """A manifest as kubectl prints it: without managedFields."""
    meta = {key: value for key, value in manifest["metadata"].items() if key != "managedFields"}
    return {**manifest, "metadata": meta}


def listing(kind: Kind, manifests: Iterable[Manifest]) -> dict[str, Any]:
    """A List as kubectl prints it."""
    typed = [{"apiVersion": kind.api_version, "kind": kind.name, **bare(each)} for each in manifests]
    return {"apiVersion": "v1", "kind": "List", "items": typed, "metadata": {"resourceVersion": ""}}


def full_name(kind: Kind, manifest: Mapping[str, Any]) -> str:
    """`rollout.argoproj.io/web`."""
    group = f".{kind.group}" if kind.group else ""
    return f"{kind.name.lower()}{group}/{manifest['metadata']['name']}"
