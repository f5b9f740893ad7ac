"""YAML as Kubernetes reads it, with the line and column of every value, and bounds on what a file may cost.

Plain scalars follow the YAML 1.1 that Kubernetes uses (`NO` is false, `0777` is 511, `1:30` and dates stay texts).
Stricter than Kubernetes where it would pick one of two meanings: duplicate keys and unknown tags are refused.
The one door to PyYAML, of which only the event parser is used: nothing here can make an object of a foreign type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from rollouts.kit.yamlscalar import SCALAR_TAGS, ScalarError, key_text, resolve

BYTES_MAX = 16 << 20
DOCUMENTS_MAX = 2000
DEPTH_MAX = 200
ALIASED_NODES_MAX = 100_000
_TAG = "tag:yaml.org,2002:"
_MERGE = "<<"
_MAP_TAGS = frozenset({None, "!", f"{_TAG}map"})
_SEQ_TAGS = frozenset({None, "!", f"{_TAG}seq"})
_STEP = re.compile(r"\.?([^.\[\]]+)|\[([^\]]*)\]")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Position: TypeAlias = tuple[int, int]


class YamlError(ValueError):
    """A file that cannot be read. `str()` is `file:line:column: text`."""

    def __init__(self, source: str, position: Position, text: str) -> None:
        self.source = source
        self.line, self.column = position
        self.text = text
        super().__init__(f"{source}:{self.line}:{self.column}: {text}")


@dataclass(slots=True)
class _Node:
    """A value and where it stands; inner: the nodes below it, by key or index.  count: nodes once aliases expand."""

    value: Any
    at: Position
    inner: dict[str | int, _Node] = field(default_factory=dict)
    count: int = 1


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a file. value: JSON, shared parts included once for each alias.  source: the file's name."""

    value: Mapping[str, Any]
    source: str
    node: _Node = field(repr=False, compare=False)

    def position(self, path: str = "") -> Position:
        """(line, column), from 1, of `spec.steps[2].pause`; of the nearest part around it that is written down."""
        here = self.node
        for name, bracketed in _STEP.findall(path):
            step = name or bracketed
            found = here.inner.get(int(step) if bracketed.isdecimal() and step.isascii() else step)
            if found is None:
                break
            here = found
        return here.at


def read(content: bytes | str, source: str) -> tuple[Document, ...]:
    """Every object of a file; `kind: List` is taken apart, empty documents are left out. Raises YamlError."""
    text = _decoded(content, source)
    documents: list[Document] = []
    for node in _documents(text, source):
        if node.value is None:
            continue
        if not isinstance(node.value, dict):
            raise YamlError(source, node.at, "a document must be one object, with apiVersion and kind")
        documents += _flattened(node, source, 0)
        if len(documents) > DOCUMENTS_MAX:
            raise YamlError(source, node.at, f"more than {DOCUMENTS_MAX} documents in one file")
    return tuple(documents)


def _decoded(content: bytes | str, source: str) -> str:
    if len(content) > BYTES_MAX:
        raise YamlError(source, (1, 1), f"larger than {BYTES_MAX >> 20} MiB")
    if isinstance(content, str):
        return content.removeprefix("\ufeff")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = error.start - before.rfind(b"\n")
        raise YamlError(source, (before.count(b"\n") + 1, column), "not UTF-8") from None


def _flattened(node: _Node, source: str, depth: int) -> Iterator[Document]:
    items = node.inner.get("items")
    if node.value.get("kind") != "List" or items is None or not isinstance(items.value, list):
        yield Document(node.value, source, node)
        return
    if depth > DEPTH_MAX:
        raise YamlError(source, node.at, f"lists nest deeper than {DEPTH_MAX}")
    for item in items.inner.values():
        if not isinstance(item.value, dict):
            raise YamlError(source, item.at, "an item of a List must be an object")
        yield from _flattened(item, source, depth + 1)


def _documents(text: str, source: str) -> Iterator[_Node]:
    builder = _Builder(source)
    count = 0
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.DocumentStartEvent):
                count += 1
                if count > DOCUMENTS_MAX:
                    raise YamlError(source, _at(event), f"more than {DOCUMENTS_MAX} documents in one file")
                builder = _Builder(source)
            elif isinstance(event, yaml.DocumentEndEvent):
                yield builder.root()
            elif isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
                builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise YamlError(source, position, " ".join(str(error.problem or error.context).split())) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        position = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise YamlError(source, position, "a control character that YAML does not allow") from None


def _at(event: yaml.Event) -> Position:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


@dataclass(slots=True)
class _Open:
    """A collection that is being read. key: the key whose value comes next.  merged: keys that came by `<<`."""

    node: _Node
    anchor: str | None
    key: tuple[str, Position] | None = None
    merged: set[str] = field(default_factory=set)


class _Builder:
    """Nodes of one document from its events, without recursion."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._stack: list[_Open] = []
        self._anchors: dict[str, _Node] = {}
        self._aliased = 0
        self._root: _Node | None = None

    def root(self) -> _Node:
        """The document's node; its value is None for an empty document."""
        return self._root or _Node(None, (1, 1))

    def take(self, event: yaml.Event) -> None:
        """One event of the document."""
        if isinstance(event, yaml.CollectionEndEvent):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._add(self._alias(event), event)
        elif isinstance(event, yaml.ScalarEvent):
            node = _Node(self._scalar(event), _at(event))
            self._anchor(event.anchor, node)
            self._add(node, event)
        else:
            self._open(event)

    def _open(self, event: yaml.Event) -> None:
        assert isinstance(event, yaml.CollectionStartEvent)
        is_map = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in (_MAP_TAGS if is_map else _SEQ_TAGS):
            raise self._refused(event, f"tag {event.tag} is not allowed")
        if len(self._stack) >= DEPTH_MAX:
            raise self._refused(event, f"nested deeper than {DEPTH_MAX} levels")
        if self._expects_key():
            raise self._refused(event, "a key must be a plain text")
        self._stack.append(_Open(_Node({} if is_map else [], _at(event)), event.anchor))

    def _close(self) -> None:
        done = self._stack.pop()
        self._anchor(done.anchor, done.node)
        self._add(done.node, None)

    def _anchor(self, name: str | None, node: _Node) -> None:
        if name:
            self._anchors[name] = node

    def _expects_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].node.value, dict) and self._stack[-1].key is None

    def _alias(self, event: yaml.AliasEvent) -> _Node:
        if any(each.anchor == event.anchor for each in self._stack):
            raise self._refused(event, f"anchor '{event.anchor}' contains itself")
        node = self._anchors.get(event.anchor or "")
        if node is None:
            raise self._refused(event, f"unknown anchor '{event.anchor}'")
        self._aliased += node.count
        if self._aliased > ALIASED_NODES_MAX:
            raise self._refused(event, f"aliases expand to more than {ALIASED_NODES_MAX} values")
        return _Node(node.value, _at(event), node.inner, node.count)

    def _add(self, node: _Node, event: yaml.Event | None) -> None:
        if not self._stack:
            self._root = node
            return
        parent = self._stack[-1]
        parent.node.count += node.count
        if isinstance(parent.node.value, list):
            parent.node.inner[len(parent.node.value)] = node
            parent.node.value.append(node.value)
        elif parent.key is None:
            parent.key = (self._key(node, event), node.at)
        else:
            (name, at), parent.key = parent.key, None
            if name == _MERGE_MARK:
                self._merge(parent, node)
            else:
                # A field is found where its key stands: that is what a reader looks for.
                self._set(parent, name, _Node(node.value, at, node.inner, node.count))

    def _key(self, node: _Node, event: yaml.Event | None) -> str:
        if isinstance(event, yaml.ScalarEvent) and event.value == _MERGE and event.implicit[0]:
            return _MERGE_MARK
        try:
            return key_text(node.value)
        except ScalarError as error:
            raise YamlError(self._source, node.at, str(error)) from None

    def _set(self, parent: _Open, name: str, node: _Node) -> None:
        if name in parent.node.value and name not in parent.merged:
            first = parent.node.inner[name].at[0]
            raise YamlError(self._source, node.at, f'key "{name}" is given twice, first in line {first}')
        parent.merged.discard(name)
        parent.node.inner[name] = node
        parent.node.value[name] = node.value

    def _merge(self, parent: _Open, node: _Node) -> None:
        """The keys of `<<: *x`, or of several with the first one winning, for keys that are not given here."""
        sources = list(node.inner.values()) if isinstance(node.value, list) else [node]
        for source in sources:
            if not isinstance(source.value, dict):
                raise YamlError(self._source, node.at, "<< must name an object, or a list of objects")
            for name, inner in source.inner.items():
                assert isinstance(name, str)
                if name in parent.node.value and name not in parent.merged:
                    raise YamlError(self._source, node.at, f'<< would replace the key "{name}": write << first')
                if name not in parent.merged:
                    parent.merged.add(name)
                    parent.node.inner[name] = _Node(inner.value, node.at, inner.inner, inner.count)
                    parent.node.value[name] = inner.value

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        if event.tag not in (None, "!") and event.tag.removeprefix(_TAG) not in SCALAR_TAGS:
            raise self._refused(event, f"tag {event.tag} is not allowed")
        plain = event.implicit[0] and not event.tag
        tag = event.tag.removeprefix(_TAG) if event.tag and event.tag != "!" else ""
        try:
            return resolve(event.value, "" if plain else tag or "str")
        except ScalarError as error:
            raise self._refused(event, str(error)) from None

    def _refused(self, event: yaml.Event, text: str) -> YamlError:
        return YamlError(self._source, _at(event), text)


_MERGE_MARK = "\x00<<"  # no key that YAML can write, so a quoted "<<" stays a key like any other
