"""A plan as a person reads it: the rule, then what is remembered, done, reported, asked and told, and when next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rollouts.core.plan import Action, Apply, Create, Delete, Evict, Patch, Plan
from rollouts.kit.instant import Instant
from rollouts.kube.ref import Manifest, Ref
from rollouts.view import facts
from rollouts.view.age import span
from rollouts.view.style import Role, Style, clean

Find = Callable[[Ref], Manifest | None]
LINE_CELLS = 100


def letter(plan: Plan, now: Instant, style: Style, find: Find) -> list[str]:
    """The lines of the letter. find: the objects as they stand, so that only what would change is shown."""
    lines = [f"rule: {clean(plan.rule or 'none is named')}"]
    if plan.latch:
        lines += _part("remember, in one status write; what it permits follows in the next turn", style)
        lines += _changes(plan.latch, find)
    if plan.actions:
        lines += _part("do, in this order", style)
        lines += [line for action in plan.actions for line in _action(action, style, find)]
    if plan.status:
        lines += _part("report, in one status write", style)
        lines += _changes(plan.status, find)
    if plan.asks:
        lines += _part("ask", style)
        lines += [f"  {clean(_question(ask.question))}" for ask in plan.asks]
    if plan.notes:
        lines += _part("tell", style)
        lines += [f"  {clean(note.severity)} {clean(note.reason)}: {clean(note.message)}" for note in plan.notes]
    if plan.is_quiet:
        lines += ["", "nothing to do: the world is as wished"]
    if plan.wake:
        lines += ["", f"look again in {span(plan.wake.since(now))}, at {plan.wake}, or when something changes"]
    return lines


def as_data(plan: Plan) -> dict[str, Any]:
    """The same for programs. remember, report: the patch of that one write, None where there is none."""
    return {
        "rule": plan.rule,
        "remember": _body(plan.latch),
        "do": [
            {"stage": action.stage.name.lower(), "verb": type(action).__name__.lower(), "object": str(action.ref),
             "body": _body(action)}
            for action in plan.actions
        ],
        "report": _body(plan.status),
        "ask": [_question(ask.question) for ask in plan.asks],
        "tell": [{"severity": note.severity, "reason": note.reason, "message": note.message} for note in plan.notes],
        "wake": str(plan.wake) if plan.wake else None,
    }  # fmt: skip


def _body(action: Action | None) -> Any:
    body = getattr(action, "body", None)
    return list(body) if isinstance(body, tuple) else body


def _part(title: str, style: Style) -> list[str]:
    return ["", style.paint(f"{title}:", Role.FAINT)]


def _action(action: Action, style: Style, find: Find) -> Iterator[str]:
    word = style.paint(f"{action.stage.name.lower():<7}", Role.CANARY)
    match action:
        case Create():
            yield f"  {word}create {clean(action.ref)}"
        case Delete():
            yield f"  {word}delete {clean(action.ref)}"
        case Evict():
            yield f"  {word}evict {clean(action.ref)}"
        case Apply():
            yield f"  {word}apply {clean(action.ref)}"
        case Patch():
            yield f"  {word}patch {clean(action.ref)}"
            yield from (f"  {line}" for line in _changes(action, find))


def _changes(patch: Patch, find: Find) -> list[str]:
    """`field: before → after` for each field that the patch would change."""
    if isinstance(patch.body, tuple):
        return [f"  {clean(op['op'])} {clean(op['path'])} {clean(op.get('value', ''))}".rstrip() for op in patch.body]
    lines = []
    for path, before, after in _differences("", find(patch.ref) or {}, patch.body):
        was = f"{_word(before)} → " if before is not None else ""
        lines.append(clean(f"  {path}: {was}{_word(after)}"))
    return lines or ["  (no field would change)"]


def _differences(path: str, seen: Any, wanted: Any) -> Iterator[tuple[str, Any, Any]]:
    """Leaves that a merge patch would change. Bounded by the depth of a manifest."""
    if path == "status.conditions":
        yield from _conditions(seen, wanted)
    elif isinstance(wanted, Mapping) and wanted:
        inner = seen if isinstance(seen, Mapping) else {}
        for key, value in wanted.items():
            yield from _differences(f"{path}.{key}" if path else str(key), inner.get(key), value)
    elif seen != wanted:
        yield path, seen, wanted


def _conditions(seen: Any, wanted: Any) -> Iterator[tuple[str, Any, Any]]:
    """Conditions by type, without their times: those change with every report."""
    before, after = _by_type(seen), _by_type(wanted)
    for kind in dict.fromkeys((*before, *after)):
        if before.get(kind) != after.get(kind):
            yield f"status.conditions[{kind}]", before.get(kind), after.get(kind)


def _by_type(conditions: Any) -> dict[str, str]:
    return {
        str(each.get("type")): f"{each.get('status')} {each.get('reason', '')}: {each.get('message', '')}".rstrip(": ")
        for each in conditions or ()
    }


def _word(value: Any) -> str:
    """A value on one line; None removes a field."""
    text = "(none)" if value is None else value if isinstance(value, str) and value else repr(value)
    return text if len(text) <= LINE_CELLS else f"{text[: LINE_CELLS - 1]}…"


def _question(question: Any) -> str:
    """A question as its dialect writes it, without headers: credentials may be there."""
    kind = type(question).__name__
    text = getattr(question, "query", None) or getattr(question, "url", None) or ""
    return f"{kind}: {' '.join(str(text).split())}"


def owner_line(ref: Ref, now: Instant, rollout: Manifest | None) -> str:
    """The first line: what is explained, when, and how it stands."""
    phase = facts.status(rollout or {}).get("phase")
    return f"{clean(ref)} at {now}" + (f", {clean(phase)}" if phase else "")
