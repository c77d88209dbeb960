"""Forms: the fields that a browser posts, and an error beside each field that cannot be accepted."""

import asyncio
import re
from collections.abc import Collection, Iterable, Mapping
from urllib.parse import parse_qsl

from aiohttp import web
from msgspec import Struct
from multidict import MultiDict, MultiMapping

from privman_core.bodies import IN_MEMORY, SpooledBody, receive
from privman_core.inputs import EXAMPLE_URL, plain_url, quoted
from privman_core.multipart import MOST_PARTS, FormPart, MultipartError, parts

LARGEST = 4 * 1024 * 1024


class UploadedFile(Struct, frozen=True):
    """A file in a posted form.

    Attributes:
        name: as the browser says.
    """

    name: str
    _part: FormPart
    _body: SpooledBody

    def content(self) -> bytes:
        """Return the whole file."""
        return self._part.content(self._body.file)


class Form:
    """The fields of a form; each method that validates one puts an error beside it.

    Attributes:
        errors: by field; pages print the label before it, as in "Name is empty".
        most: the bytes that it may have, if it had more and was not read; 0 for any other form.
    """

    def __init__(
        self,
        values: Mapping[str, str] | MultiMapping[str] | None = None,
        files: Mapping[str, UploadedFile] | None = None,
        *,
        most: int = 0,
    ) -> None:
        self._values = MultiDict(values or {})
        self._files = files or {}
        self.errors: dict[str, str] = {}
        self.most = most

    def file(self, field: str) -> UploadedFile | None:
        """Return the file of the field; None if the form has none."""
        return self._files.get(field)

    def names(self) -> list[str]:
        """Return the names of the fields, each once, in the order of the form."""
        return list(dict.fromkeys(self._values))

    def values(self, field: str) -> list[str]:
        """Return every value of the field, in the order of the form."""
        return self._values.getall(field, [])

    def given(self, field: str) -> str | None:
        """Return the last value of the field; None if the form lacks it."""
        values = self.values(field)
        return values[-1] if values else None

    def value(self, field: str) -> str:
        """Return the last value of the field; empty if the form lacks it."""
        return self.given(field) or ""

    def ticked(self, field: str) -> bool:
        """Return whether a check box is ticked."""
        return bool(self.value(field))

    def add_error(self, field: str, error: str) -> None:
        """Put an error beside the field."""
        self.errors[field] = error

    def text(self, field: str) -> str:
        """Return text that must not be empty."""
        text = self.value(field).strip()
        if not text:
            self.add_error(field, "is empty; expected text")
        return text

    def one_of(self, field: str, choices: Collection[str]) -> str:
        """Return one of the choices."""
        chosen = self.value(field)
        if chosen not in choices:
            self.add_error(field, f"{quoted(chosen)} is not one of the choices" if chosen else "is empty; choose one")
        return chosen

    def url(self, field: str, example: str = EXAMPLE_URL) -> str:
        """Return a plain http(s) URL without a trailing slash; the error shows the example."""
        text = self.value(field).strip()
        if not text:
            self.add_error(field, f"is empty; expected an address such as {example}")
            return ""
        try:
            return plain_url(text, example)
        except ValueError as error:
            self.add_error(field, f"is {error}")
            return ""

    def matching(self, field: str, pattern: re.Pattern[str], expected: str) -> str:
        """Return text that is empty or fits the pattern; ``expected`` describes it in the error."""
        text = self.value(field).strip()
        if text and pattern.fullmatch(text) is None:
            self.add_error(field, f"{quoted(text)} is invalid; expected {expected}")
        return text


async def read_form(request: web.Request, largest: int = LARGEST) -> Form:
    """Return the posted form; an empty one for other requests.

    Texts are UTF-8, whatever the form claims, and their lines end with a line feed. A form that cannot be read, or
    has more than ``largest`` bytes or 1,000 fields, is empty: it lacks its token, so it is refused.
    """
    if request.method != "POST":
        return Form()
    try:
        body = await receive(request, largest)
        if request.content_type == "multipart/form-data":
            return await _in_parts(request, body)
        return Form(_in_lines(await _in_pairs(body)))
    except web.HTTPRequestEntityTooLarge:
        return Form(most=largest)
    except (web.HTTPException, MultipartError, ValueError):
        return Form()


def _in_lines(found: Iterable[tuple[str, str]]) -> MultiDict[str]:
    return MultiDict((name, text.replace("\r\n", "\n")) for name, text in found)


async def _in_pairs(body: SpooledBody) -> list[tuple[str, str]]:
    """Return the fields of a form that is written as a query string; a long one is parsed in a thread."""
    text = body.read().decode(errors="replace")
    if body.size <= IN_MEMORY:
        return _pairs(text)
    return await asyncio.to_thread(_pairs, text)


def _pairs(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARTS)


async def _in_parts(request: web.Request, body: SpooledBody) -> Form:
    reading = parts(request.headers["Content-Type"], body.file)
    while True:
        try:
            next(reading)
        except StopIteration as end:
            texts = _in_lines((part.name, part.text(body.file)) for part in end.value if part.is_text)
            files = {part.name: UploadedFile(part.file_name, part, body) for part in end.value if part.file_name}
            return Form(texts, files)
        await asyncio.sleep(0)
