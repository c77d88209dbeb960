"""Sentences about what a posted form did, shown once by the page that follows.

A posted form is answered with a redirect. The note is in a signed cookie, which every process of an instance can read.
So no address can make a page claim something, and reloading the page does not repeat the note.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable

import msgspec
from aiohttp import web
from msgspec import Struct

from mock_servicenow.ui.instance_gate import InstanceVisit
from privman_core.cuts import cut
from privman_core.ids import is_same
from privman_core.pages.rendering import see

_COOKIE = "glide_event_note"
_LONGEST = 1_000
MOST_NAMED = 10
"""Columns that a sentence names."""


class Note(Struct, frozen=True):
    """One sentence.

    Attributes:
        tone: ``good`` for what was done, ``plain`` for what had no effect.
    """

    text: str
    tone: str = "good"


class NotedEvent(Struct, frozen=True):
    """The outcome of a posted form.

    Attributes:
        location: the page that follows.
        about: the record or list that the note is about; only its page shows the note.
    """

    location: str
    about: str
    note: Note


def follow(visit: InstanceVisit, event: NotedEvent) -> web.Response:
    """Return the redirect to the page that shows the note."""
    answer = see(event.location)
    note = msgspec.structs.replace(event.note, text=cut(event.note.text, _LONGEST))
    body = urlsafe_b64encode(msgspec.json.encode([event.about, note])).decode()
    value = f"{_signed(visit, body)}.{body}"
    answer.set_cookie(_COOKIE, value, path="/", httponly=True, samesite="Lax", secure=visit.request.secure)
    return answer


def take_note(visit: InstanceVisit, about: str) -> Note | None:
    """Return the note that the last posted form has left for this page; None for none."""
    signature, _, body = visit.request.cookies.get(_COOKIE, "").partition(".")
    if not body or not is_same(signature, _signed(visit, body)):
        return None
    named, note = msgspec.json.decode(urlsafe_b64decode(body), type=tuple[str, Note])
    return note if named == about else None


def shown(visit: InstanceVisit, answer: web.Response) -> web.Response:
    """Return the page, and forget the note that it has shown."""
    if _COOKIE in visit.request.cookies:
        answer.del_cookie(_COOKIE, path="/", httponly=True, samesite="Lax", secure=visit.request.secure)
    return answer


def in_words(names: Iterable[str]) -> str:
    """Return names joined by commas, the first `MOST_NAMED` of them."""
    every = list(names)
    more = len(every) - MOST_NAMED
    return ", ".join(every[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _signed(visit: InstanceVisit, body: str) -> str:
    return hmac.digest(visit.session.token.encode(), body.encode(), "sha256").hex()
