"""How an answer leaves: for the eye, or as data; colours only where they are welcome."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from rollouts.cli.errors import ComplaintError
from rollouts.kube.ref import Kind, Manifest
from rollouts.view.style import ASCII, UNICODE, Style, fitted, tamed

if TYPE_CHECKING:  # loaded only where a template is asked for
    from rollouts.kit.gotemplate import GoTemplate
    from rollouts.kit.jsonpath import Template as JsonTemplate
    from rollouts.view.columns import Column

FORMATS = ("json", "yaml", "name", "jsonpath=", "custom-columns=", "go-template=", "go-template-file=")
PAGE_FORMATS = ("wide", *FORMATS)
VALUE_FORMATS = ("json", "yaml", "jsonpath=", "go-template=", "go-template-file=")  # of what is no object of a cluster
_CLEAR, _HOME, _LINE_END, _REST = "\x1b[2J", "\x1b[H", "\x1b[K\n", "\x1b[J"


class OutputParam(click.ParamType[str]):
    """A form of answers, with its template where it has one, read before anything is asked.

    `json`, `yaml`, `wide`, `name`, `jsonpath=TEMPLATE`, `custom-columns=SPEC`, `go-template=TEMPLATE`; the value of
    `go-template-file=PATH` is the template in that file.
    """

    name = "form"

    def __init__(self, forms: tuple[str, ...]) -> None:
        self.forms = forms

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The form as it was given; usage error for one that this command has not, or that cannot be read."""
        name, equals, text = str(value).partition("=")
        if f"{name}{equals}" not in self.forms:
            self.fail(f"{value!r} is none of {', '.join(self.forms)}", param, ctx)
        if name == "go-template-file":
            name, value = "go-template", f"go-template={self._content(text, param, ctx)}"
            text = value.partition("=")[2]
        if equals:
            try:
                _template(name, text)
            except ValueError as error:
                self.fail(f"{name}: {error}", param, ctx)
        return str(value)

    def _content(self, path: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return Path(path).read_text()
        except (OSError, UnicodeDecodeError) as error:
            self.fail(f"{path}: {getattr(error, 'strerror', None) or 'is no text'}", param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The forms that begin so."""
        return [CompletionItem(form) for form in self.forms if form.startswith(incomplete)]


def _template(name: str, text: str) -> JsonTemplate | GoTemplate | tuple[Column, ...]:
    """What stands behind the `=` of a form. Raises JsonPathError or GoTemplateError, both of them ValueErrors."""
    if name == "go-template":
        from rollouts.kit.gotemplate import GoTemplate

        return GoTemplate.of(text)
    from rollouts.view.columns import columns_of, template_of

    return template_of(text) if name == "jsonpath" else columns_of(text)


def output_option(*forms: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`-o json|yaml|name|jsonpath=|custom-columns=|go-template=`, or those of them that the command has."""
    chosen = forms or FORMATS
    shown = "|".join(chosen)
    return click.option("-o", "--output", type=OutputParam(chosen), metavar=shown, help="Form of the answer.")


def is_data(output: str | None) -> bool:
    """Whether an answer of this form is for programs."""
    return output not in (None, "wide")


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
    """Print lines, colours included where the style put them; nothing else in them steers the terminal."""
    emit("".join(f"{tamed(line)}\n" for line in lines))


def emit(text: str) -> None:
    """Print a text to the letter."""
    encoding = sys.stdout.encoding or "ascii"
    # A name in a script that this terminal lacks is shown with question marks rather than not at all.
    click.echo(text.encode(encoding, "replace").decode(encoding), color=True, nl=False)


def redraw(lines: Iterable[str], *, first: bool) -> None:
    """Draw over the last picture without flicker, no more of it than the terminal has room for."""
    start = (_CLEAR if first else "") + _HOME
    columns, rows = shutil.get_terminal_size()
    shown = fitted([tamed(line) for line in lines], columns, rows - 1)  # the last row is the cursor's
    emit(start + "".join(line + _LINE_END for line in shown) + _REST)


def show_data(value: Any, form: str, *, compact: bool = False) -> None:
    """Print a value as JSON (one line where `compact`) or as a YAML document."""
    if form == "json":
        text = json.dumps(
            value, ensure_ascii=False, separators=(",", ":") if compact else None, indent=None if compact else 4
        )
        emit(f"{text}\n")
        return
    import yaml  # only where YAML is asked for

    show([("---\n" if compact else "") + yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip()])


def bare(manifest: Manifest) -> dict[str, Any]:
    """A manifest as kubectl prints it: without managedFields."""
    meta = {key: value for key, value in manifest["metadata"].items() if key != "managedFields"}
    return {**manifest, "metadata": meta}


def typed(kind: Kind, manifest: Manifest) -> dict[str, Any]:
    """The same with its kind, which lists leave out."""
    return {"apiVersion": kind.api_version, "kind": kind.name, **bare(manifest)}


def full_name(kind: Kind, manifest: Mapping[str, Any]) -> str:
    """`rollout.argoproj.io/web`."""
    group = f".{kind.group}" if kind.group else ""
    return f"{kind.name.lower()}{group}/{manifest['metadata']['name']}"


def show_object(kind: Kind, manifest: Manifest, output: str, *, compact: bool = False, headed: bool = True) -> None:
    """One object as data. compact: JSON on one line, for a stream of them.  headed: with the columns' headings."""
    _show_as(kind, [manifest], typed(kind, manifest), output, compact=compact, headed=headed)


def show_objects(kind: Kind, manifests: Iterable[Manifest], output: str) -> None:
    """Many objects as data, as one List where the form has lists."""
    found = list(manifests)
    items = [typed(kind, each) for each in found]
    whole = {"apiVersion": "v1", "kind": "List", "items": items, "metadata": {"resourceVersion": ""}}
    _show_as(kind, found, whole, output)


def _show_as(
    kind: Kind, each: list[Manifest], whole: Any, output: str, *, compact: bool = False, headed: bool = True
) -> None:
    form, _, text = output.partition("=")
    if form == "name":
        show(full_name(kind, one) for one in each)
    elif form in ("json", "yaml"):
        show_data(whole, form, compact=compact)
    else:
        from rollouts.view.columns import written

        template = _template(form, text)
        if isinstance(template, tuple):
            show(written(template, [typed(kind, one) for one in each], headed=headed))
            return
        # kubectl ends a template's answer with nothing; a stream of answers needs an end between two of them.
        _fill(template, whole, form, end="\n" if compact else "")


def show_value(value: Any, output: str) -> None:
    """A value that is no object of the cluster, in one of VALUE_FORMATS."""
    form, _, text = output.partition("=")
    if form in ("json", "yaml"):
        show_data(value, form)
        return
    template = _template(form, text)
    assert not isinstance(template, tuple)
    _fill(template, value, form)


def _fill(template: JsonTemplate | GoTemplate, value: Any, form: str, end: str = "") -> None:
    try:
        emit(template.text(value) + end)
    except ValueError as error:
        raise ComplaintError(f"-o {form}: {error}") from None
