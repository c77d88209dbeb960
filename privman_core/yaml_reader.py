"""The one reader of YAML: strict about keys, and bounded in size, depth and aliases."""

import sys
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import yaml
from msgspec import Struct, field

from privman_core.cuts import cut
from privman_core.regular_files import read_regular

MOST_BYTES = 64 * 1024 * 1024
MOST_DEPTH = 100
# Nodes that aliases may add to a document.
MOST_REPEATED = 10_000

_TEXT, _LIST, _MAPPING, _MERGE = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map", "merge"))

# What PyYAML's constructors raise for a number of 5,000 digits, the 99th of a month, or a tag that does not fit.
_UNREADABLE = (yaml.MarkedYAMLError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

# What the parser finds where a line is indented further, or less, than the lines that it belongs to.
_OF_INDENTATION = (
    "could not find expected ':'",
    "did not find expected '-' indicator",
    "did not find expected key",
    "mapping values are not allowed in this context",
)

# The C parser is optional in PyYAML; it is ten times faster.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlError(Exception):
    """Unusable YAML; the message is one line without the file name.

    Attributes:
        line: from 1; 0 for the whole text.
    """

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line

    def located(self, file: object) -> str:
        """Return the message with the file's name and the line before it."""
        return f"{file}:{self.line}: {self}" if self.line else f"{file}: {self}"


class BytesFile(Protocol):
    """A file of a user, which is a ``Path``, or of a package, which may be a ``Traversable``."""

    def read_bytes(self) -> bytes:
        """Return the whole content."""
        ...


def read_text(file: BytesFile) -> str:
    """Return the text of a file; raises YamlError if it cannot be read, is too large or is not UTF-8."""
    try:
        content = read_regular(file, MOST_BYTES) if isinstance(file, Path) else file.read_bytes()
    except OSError as error:
        raise YamlError(f"cannot be read: {error.strerror}.") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise YamlError("is not UTF-8 text.") from None


def load(text: str) -> Any:  # noqa: ANN401 - YAML holds anything
    """Return the value of a text of one document, None for an empty one; raises YamlError."""
    nodes = list(compose(text))
    if len(nodes) > 1:
        raise YamlError("a second document begins. Expected one.", _line(nodes[1].start_mark))
    return _construct(nodes[0]) if nodes else None


def compose(text: str) -> Iterator[yaml.Node]:
    """Yield the node of each document, bounded in depth and aliases; raises YamlError."""
    try:
        yield from _documents(_Loader(text))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = _line(mark) if mark else 1
        raise YamlError(_syntax_error(str(error.problem), text, line), line) from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise YamlError(f"is not YAML: {str(error).partition(chr(10))[0]}.") from None


def line_of(text: str, path: Sequence[str | int]) -> int:
    """Return the line of the value at the end of a path of keys and indexes, or of as much of the path as exists.

    The value of a key is on the line of its key. Composes the text anew, so it is for errors; raises YamlError.
    """
    node = next(compose(text), None)
    line = 1 if node is None else _line(node.start_mark)
    for step in path:
        found = _step(node, step)
        if found is None:
            break
        line, node = found
    return line


def _step(node: yaml.Node | None, step: str | int) -> tuple[int, yaml.Node] | None:
    """Return the line of a key, or of an item of a list, and its value; None if there is none."""
    if isinstance(node, yaml.MappingNode):
        return next(((_line(key.start_mark), value) for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return _line(node.value[step].start_mark), node.value[step]
    return None


def _syntax_error(problem: str, text: str, line: int) -> str:
    """Return the message for what the parser has found in a line."""
    written = "".join(text.splitlines()[line - 1 : line])
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return "the line begins with a tab. Expected spaces."
    if problem in _OF_INDENTATION:
        return f"{problem}. Expected keys of one mapping, and items of one list, to be indented alike."
    return f"{problem}."


def entries(node: yaml.MappingNode) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    """Yield the pairs of a mapping; raises YamlError for a key that is not a word, or is given twice."""
    seen: set[str] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise YamlError("a key is a list or a mapping. Expected a word.", _line(key.start_mark))
        if key.value in seen:
            raise YamlError(f"duplicate key {key.value!r}.", _line(key.start_mark))
        seen.add(key.value)
        yield key, value


class _StrictConstructor(yaml.constructor.SafeConstructor):
    """Builds values; every error has a line, and duplicate keys are refused."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - the base's signature
        """Build the value; raises YamlError."""
        try:
            return super().construct_object(node, deep=deep)
        except _UNREADABLE as error:
            raise _explained(error, node) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - the base's signature
        """Build the mapping; raises YamlError."""
        if isinstance(node, yaml.MappingNode):
            list(entries(node))
        return super().construct_mapping(node, deep=deep)

    def value(self, node: yaml.Node) -> Any:  # noqa: ANN401 - YAML holds anything
        """Build the value of a node; raises YamlError.

        Texts, lists and mappings, of which files consist, take a third of the time that the base needs; equal texts
        are one object.
        """
        if isinstance(node, yaml.ScalarNode) and node.tag == _TEXT:
            return sys.intern(node.value)
        if isinstance(node, yaml.SequenceNode) and node.tag == _LIST:
            return [self.value(each) for each in node.value]
        if isinstance(node, yaml.MappingNode) and node.tag == _MAPPING and not _merges(node):
            return {self.value(key): self.value(value) for key, value in entries(node)}
        return self.construct_document(node)


def _merges(node: yaml.MappingNode) -> bool:
    return any(key.tag == _MERGE for key, _ in node.value)


def _timestamp(constructor: Any, node: yaml.ScalarNode) -> Any:  # noqa: ANN401 - of a class; a date, or the text
    """Return the date or timestamp, or the text if there is no such day: the caller can then name what it refuses."""
    try:
        return constructor.construct_yaml_timestamp(node)
    except ValueError:
        return node.value


_StrictConstructor.add_constructor("tag:yaml.org,2002:timestamp", _timestamp)


def _construct(node: yaml.Node) -> Any:  # noqa: ANN401 - YAML holds anything
    try:
        return _StrictConstructor().value(node)
    except _UNREADABLE as error:
        raise _explained(error, node) from None


def _explained(error: Exception, node: yaml.Node) -> YamlError:
    if isinstance(error, yaml.MarkedYAMLError):
        return YamlError(f"{error.problem}.", _line(error.problem_mark or node.start_mark))
    kind = node.tag.rpartition(":")[2]
    return YamlError(f"{cut(str(node.value), 40)!r} is not a valid {kind}.", _line(node.start_mark))


class _Open(Struct):
    """A list or mapping whose end has not been read yet."""

    node: yaml.CollectionNode
    anchor: str | None
    children: list[yaml.Node] = field(default_factory=list)
    size: int = 1


class _Composer(Struct):
    """Builds the nodes of one document from events, without recursion."""

    loader: Any
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[yaml.Node, int]] = field(default_factory=dict)
    repeated: int = 0
    root: Any = None

    def take(self, event: yaml.Event) -> None:
        """Take the next event."""
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._end(event)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        tag = event.tag
        if tag in (None, "!"):
            tag = self.loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        node = yaml.ScalarNode(tag, event.value, *_marks(event), style=event.style)
        self._add(node, 1, event.anchor)

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        if len(self.stack) == MOST_DEPTH:
            raise YamlError(f"is nested more than {MOST_DEPTH} deep.", _line(event.start_mark))
        kind = yaml.MappingNode if isinstance(event, yaml.MappingStartEvent) else yaml.SequenceNode
        tag = event.tag
        if tag in (None, "!"):
            tag = self.loader.resolve(kind, None, event.implicit)
        node = kind(tag, [], *_marks(event), flow_style=event.flow_style)
        self.stack.append(_Open(node, event.anchor))

    def _end(self, event: yaml.Event) -> None:
        opened = self.stack.pop()
        children: Any = opened.children
        if isinstance(opened.node, yaml.MappingNode):
            children = list(zip(children[::2], children[1::2], strict=True))
        opened.node.value = children
        opened.node.end_mark = event.end_mark
        self._add(opened.node, opened.size, opened.anchor)

    def _alias(self, event: yaml.AliasEvent) -> None:
        line = _line(event.start_mark)
        if event.anchor not in self.anchors:
            if any(opened.anchor == event.anchor for opened in self.stack):
                raise YamlError(f"the alias {event.anchor!r} refers to a value that contains it.", line)
            raise YamlError(f"undefined alias {event.anchor!r}.", line)
        node, size = self.anchors[event.anchor]
        self.repeated += size
        if self.repeated > MOST_REPEATED:
            raise YamlError(f"aliases repeat more than {MOST_REPEATED} values.", line)
        self._add(node, size, None)

    def _add(self, node: yaml.Node, size: int, anchor: str | None) -> None:
        if anchor is not None:
            self.anchors[anchor] = node, size
        if not self.stack:
            self.root = node
            return
        self.stack[-1].children.append(node)
        self.stack[-1].size += size


def _documents(loader: Any) -> Iterator[yaml.Node]:  # noqa: ANN401 - PyYAML's loaders share no typed base
    composer = _Composer(loader)
    while loader.check_event():
        event = loader.get_event()
        if isinstance(event, yaml.DocumentEndEvent):
            yield composer.root
            composer = _Composer(loader)
        else:
            composer.take(event)


def _marks(event: yaml.Event) -> tuple[Any, Any]:
    """Return where the event begins and ends; the C parser's marks are of a class of their own."""
    return event.start_mark, event.end_mark


def _line(mark: Any) -> int:  # noqa: ANN401 - the C parser's mark is a class of its own
    line: int = mark.line + 1
    return line
