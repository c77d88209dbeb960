"""XML of callers, heard as it is read: neither its entities nor its size may cost much."""

from collections.abc import Sequence
from xml.parsers import expat

from mock_servicenow.now_platform.errors import UnreadableBody
from privman_core.safe_xml import XmlError, parse

DEPTH = 8
"""Levels of elements."""
MOST_TAGS = 100_000
"""Tags, comments and attributes, and names and values of attributes, of a document."""
MOST_BREAKS = 500_000
"""Line ends and references of a document: the parser pauses at each."""
MOST_NAMES = 5_000
"""Different names of elements, attributes, prefixes and namespaces."""
LONGEST_NAMES, LONGEST_MARKUP = 256 * 1024, 8 * 1024 * 1024
"""Characters of these names, each counted once, and of all tags with their attributes and namespaces."""
_MANY_NAMES = (
    f"The document has more than {MOST_NAMES:,} names of elements, attributes and namespaces, "
    f"or more than {LONGEST_NAMES:,} characters in them"
)
_BREAKS = (b"\n", b"\r", b"&")


class BoundedXml:
    """Hears an XML document; what it keeps is up to its hooks, which do nothing here.

    Attributes:
        depth: the level of the current element: 1 for the root.
    """

    def __init__(self) -> None:
        self.depth = 0
        self._attributes = 0
        self._names: set[str] = set()
        self._characters = 0  # of the names, each once
        self._markup = 0
        self._text: list[str] = []

    def begin(self, tag: str) -> None:
        """Hear that an element begins; ``tag`` is its namespace, a brace and its name."""

    def end(self, tag: str, text: str) -> None:
        """Hear that an element ends, and the text since the last tag."""

    def declare(self, prefix: str, uri: str) -> None:
        """Hear of a namespace, before the element that declares it."""

    def read(self, body: bytes) -> None:
        """Read a document.

        Raises UnreadableBody, also for one that defines entities, nests deeper than `DEPTH`, or has more markup than
        `MOST_TAGS`, `MOST_BREAKS`, `MOST_NAMES`, `LONGEST_NAMES` and `LONGEST_MARKUP` allow, or a longer tag than
        `parse` does.
        """
        if body.count(b"<") > MOST_TAGS or sum(map(body.count, _BREAKS)) > MOST_BREAKS:
            raise UnreadableBody
        try:
            for _ in parse(body, self._parser()):
                pass
        except XmlError:
            raise UnreadableBody from None

    def _parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate(namespace_separator="}")
        parser.buffer_text = parser.ordered_attributes = True
        parser.StartNamespaceDeclHandler = self._namespace
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        return parser

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        self._meet(prefix or "")
        self._meet(uri or "")
        self.declare(prefix or "", uri or "")

    def _start(self, tag: str, attributes: Sequence[str]) -> None:
        self.depth += 1
        self._markup += len(tag)
        if tag not in self._names:
            self._meet(tag)
        if attributes:
            self._attributes += len(attributes)
            self._markup += sum(map(len, attributes))
            for name in attributes[::2]:
                self._meet(name)
        if self.depth > DEPTH or self._attributes > MOST_TAGS or self._markup > LONGEST_MARKUP:
            raise UnreadableBody
        self.begin(tag)
        self._text.clear()

    def _meet(self, name: str) -> None:
        """Count a name, the first time; raises UnreadableBody for more than a document may have."""
        if name in self._names:
            return
        self._names.add(name)
        self._characters += len(name)
        if len(self._names) > MOST_NAMES or self._characters > LONGEST_NAMES:
            raise UnreadableBody(_MANY_NAMES)

    def _end(self, tag: str) -> None:
        self.end(tag, "".join(self._text))
        self._text.clear()
        self.depth -= 1
