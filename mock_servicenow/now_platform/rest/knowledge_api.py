"""The Knowledge Management API: lists of published articles, one article, its attachments (Docs: knowledge-api).

An article is shown by itself if the caller may read it: drafts to their authors and to the role knowledge.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from html import unescape
from urllib.parse import parse_qsl

import sqlalchemy as sa
from msgspec import structs

from mock_servicenow.now_platform.dictionary.values import is_sys_id, whole_number
from mock_servicenow.now_platform.errors import RecordNotFound
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.query import CompiledQuery, as_operand
from mock_servicenow.now_platform.records import attachments
from mock_servicenow.now_platform.records.fields import Fields
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.answers import bounded_records, value_answer
from mock_servicenow.now_platform.rest.attachment_api import download
from mock_servicenow.now_platform.rest.call import Answer, Call, Steps
from mock_servicenow.now_platform.rest.endpoints import Endpoints, Taking
from mock_servicenow.now_platform.rest.formats import Document, Result
from mock_servicenow.now_platform.rest.parameters import NOTHING_ASKED
from mock_servicenow.now_platform.rest.shapes import Shapes, shown_fields
from privman_core.natural_numbers import natural_number

ARTICLES, USES = "kb_knowledge", "kb_use"
DEFAULT_LIMIT, MOST_ARTICLES = 30, 500
"""How many articles one answer shows (the latter I)."""
MOST_ATTACHMENTS = 100
_SNIPPET, _READ = 350, 1_000
"""Characters of a snippet, and of the article from which it is made."""
_TAG = re.compile(r"<[^<>]*+>?")
_PUBLISHED = "workflow_state=published^valid_to>=javascript:gs.beginningOfToday()^active=true"
_MOST_VIEWED = f"{_PUBLISHED}^sys_view_count>0^ORDERBYDESCsys_view_count^ORDERBYshort_description"
_FEATURED = f"{_PUBLISHED}^metaLIKEhomepage^ORDERBYshort_description"
_PLACES = {"fields", "kb", "language", "limit", "offset"}
_SEARCHED, _RANKED, _SEEN = "search_id", "search_rank", "update_view"


class KnowledgeApi:
    """Answers calls on ``knowledge``."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._endpoints = Endpoints(
            instance,
            {
                "articles": {"GET": Taking(_search, {*_PLACES, "filter", "query"})},
                "articles/featured": {"GET": Taking(_featured, _PLACES)},
                "articles/most_viewed": {"GET": Taking(_most_viewed, _PLACES)},
                "articles/{id}": {"GET": Taking(_article, {"fields", "language", _SEARCHED, _RANKED, _SEEN})},
                "articles/{id}/attachments/{attachment}": {"GET": self._attachment},
            },
        )

    def answer(self, call: Call) -> Answer | Steps:
        """Answer a call; raises PlatformError."""
        return self._endpoints.answer(call, call.resource[1:])

    def _attachment(self, call: Call, session: Session, article: str, attachment: str) -> Answer | Steps:
        known = {each.sys_id: each for each in _attachments(session, _readable(session, article))}
        if attachment not in known:
            raise RecordNotFound
        return download(call, self._instance, session, known[attachment])


# Lists


def _search(call: Call, session: Session) -> Answer:
    text = as_operand(call.query.get("query", "")).strip()
    query = f"{_PUBLISHED}^123TEXTQUERY321={text}" if text else _PUBLISHED
    search = session.ids.sys_id()
    return _listed(call, session, f"{query}^ORDERBYnumber", 1, {"ts_query_id": search})


def _featured(call: Call, session: Session) -> Answer:
    return _listed(call, session, _FEATURED, -1, {})


def _most_viewed(call: Call, session: Session) -> Answer:
    return _listed(call, session, _MOST_VIEWED, None, {})


def _listed(call: Call, session: Session, query: str, score: int | None, search: Mapping[str, Document]) -> Answer:
    """Return the articles that a query and the parameters match; without a score they have their view counts."""
    limit, offset = _number(call, "limit", DEFAULT_LIMIT, MOST_ARTICLES), _number(call, "offset", 0, 2**31 - 1)
    wanted = _wanted(call, session, f"{query}{_of_bases(call)}{_of_languages(call)}")
    found = bounded_records(session, ARTICLES, wanted, limit=limit, offset=offset)
    meta: dict[str, Document] = {
        "start": offset,
        "end": offset + len(found),
        "fields": ",".join(_names(call)),
        "query": call.query.get("query", ""),
        "filter": call.query.get("filter", ""),
        "kb": call.query.get("kb", ""),
        "language": call.query.get("language", "en"),
        "count": session.work.count(ARTICLES, wanted),
        **search,
        "status": {"code": 200},
    }
    details = _details(call, session, found)
    articles: list[Document] = []
    for rank, (article, shown) in enumerate(zip(found, details, strict=True), offset + 1):
        ranked = {"rank": rank} if search else {}
        scored = whole_number(article["sys_view_count"]) if score is None else score
        articles.append({**_brief(article), **ranked, "score": scored, "tags": [], "fields": shown})
    return value_answer(call, {"meta": meta, "articles": articles})


def _wanted(call: Call, session: Session, query: str) -> CompiledQuery:
    """Return the query for the articles that also match the caller's filter, whatever that says."""
    base, text = session.compiled(ARTICLES, query), call.query.get("filter", "")
    if not text:
        return base
    given = session.compiled(ARTICLES, text)
    return replace(base, where=sa.and_(base.where, given.where))


def _of_bases(call: Call) -> str:
    """Return the term for the knowledge bases that are asked for; no base has a text that is no sys_id."""
    asked = [name for name in call.query.get("kb", "").split(",") if name]
    return f"^kb_knowledge_baseIN{','.join(name for name in asked if is_sys_id(name)) or '-'}" if asked else ""


def _of_languages(call: Call) -> str:
    asked = as_operand(call.query.get("language", "") or "en")
    return "" if asked == "all" else f"^languageIN{asked}"


def _number(call: Call, name: str, usual: int, most: int) -> int:
    """Return a parameter that is a whole number; another one becomes a finding."""
    text = call.query.get(name, "") or str(usual)
    number = natural_number(text)
    if number is not None:
        return min(number, most)
    call.swallowed("parameter-ignored", f"{name} is '{text}', expected a whole number: it was ignored", name)
    return usual


def _brief(article: Record) -> dict[str, Document]:
    return {
        "link": f"?id=kb_article_view&sys_kb_id={article.sys_id}",
        "id": f"{ARTICLES}:{article.sys_id}",
        "title": article["short_description"],
        "snippet": _text(article["text"][:_READ])[:_SNIPPET],
        "number": article["number"],
    }


def _text(html: str) -> str:
    """Return the words of an article, without its tags."""
    return " ".join(unescape(_TAG.sub(" ", html)).split())


def _names(call: Call) -> list[str]:
    """Return the fields that are asked for; the parameter may be there more than once, as in the page's sample."""
    given = [value for name, value in parse_qsl(call.raw_query) if name == "fields"]
    return list(dict.fromkeys(name.strip() for value in given for name in value.split(",") if name.strip()))


def _details(call: Call, session: Session, articles: list[Record]) -> list[Document]:
    """Return the fields of articles that are asked for, each with label, type and both values."""
    names = tuple(_names(call))
    if not names:
        return [{} for _ in articles]
    asked = structs.replace(NOTHING_ASKED, display="all", exclude_reference_link=True, fields=names)
    fields = shown_fields(session, call, asked, ARTICLES)
    return [_described(fields, result) for result in Shapes(session, call, asked, fields).results(articles)]


def _described(fields: Fields, result: Result) -> Document:
    described: dict[str, Document] = {}
    for field in fields.fields:
        value = result[field.key]
        values = {"value": value, "display_value": value} if isinstance(value, str) else value
        about = {"name": field.key, "label": field.column.label, "type": field.column.type}
        described[field.key] = {**about, "display_value": values["display_value"], "value": values["value"]}
    return described


# One article


def _article(call: Call, session: Session, name: str) -> Answer:
    article = _readable(session, name)
    if call.verb == "GET" and (_SEEN in call.query or {_SEARCHED, _RANKED} <= call.query.keys()):
        _count_view(session, article, call.query.get(_SEARCHED, ""))
    [fields] = _details(call, session, [article])
    shown: dict[str, Document] = {
        "content": article["text"] or article["wiki"],
        "template": False,
        "number": article["number"],
        "sys_id": article.sys_id,
        "short_description": article["short_description"],
        "display_attachments": article["display_attachments"] == "true",
        "attachments": [_file(each) for each in _attachments(session, article)],
        "embedded_content": [],
        "fields": fields,
    }
    return value_answer(call, shown)


def _readable(session: Session, name: str) -> Record:
    """Return an article by sys_id, or the published one of a number before others; raises RecordNotFound."""
    if is_sys_id(name) and (found := session.get(ARTICLES, name)) is not None:
        return found
    of_number: Iterable[Record] = session.find_all(ARTICLES, number=name)
    found = min(of_number, key=lambda each: each["workflow_state"] != "published", default=None)
    if found is None:
        raise RecordNotFound
    return found


def _attachments(session: Session, article: Record) -> list[Record]:
    """Return the attachments of an article, if it shows them."""
    if article["display_attachments"] != "true":
        return []
    query = f"table_name={ARTICLES}^table_sys_id={article.sys_id}"
    return bounded_records(session, attachments.TABLE, query, limit=MOST_ATTACHMENTS)


def _file(attachment: Record) -> Document:
    about = {name: attachment[name] for name in ("sys_id", "file_name", "size_bytes")}
    return {**about, "state": attachment["state"] or "available_conditionally"}


def _count_view(session: Session, article: Record, search: str) -> None:
    """Count a view, which is no change of the article, and record who has viewed it."""
    seen = {"article": article.sys_id, "user": session.user.sys_id, "viewed": "true", "search_id": search[:100]}
    system = session.elevated
    system.insert(USES, seen)  # after which nobody else writes
    current = system.get(ARTICLES, article.sys_id) or article
    count = whole_number(current["sys_view_count"]) + 1
    system.change_row(ARTICLES, article.sys_id, {"sys_view_count": str(count)})
