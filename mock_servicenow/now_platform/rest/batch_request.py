"""What a batch holds: calls written as JSON (platform 3.2)."""

import re
from base64 import b64decode
from dataclasses import dataclass
from typing import Any

from multidict import CIMultiDict
from yarl import URL

from mock_servicenow.now_platform.dictionary.values import json_text
from mock_servicenow.now_platform.errors import BadRequest, UnreadableBody, UriTooLong
from mock_servicenow.now_platform.rest import urls
from mock_servicenow.now_platform.rest.bodies import read_json
from mock_servicenow.now_platform.rest.call import Call
from mock_servicenow.now_platform.rest.limits import LONGEST_HEADER, LONGEST_URL

_NESTED = re.compile(r"/api/now(/v[12])?/batch")


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One call of a batch.

    Attributes:
        body: in base64, line breaks allowed.
        exclude_response_headers: whether the answer's headers are left out.
    """

    id: str
    method: str
    url: str
    headers: CIMultiDict[str]
    body: str
    exclude_response_headers: bool

    def call(self, outer: Call) -> Call:
        """Return the call, made by the user of the outer one.

        Raises:
            UnreadableBody: the body is not base64.
            BadRequest: the item has no method or no URL, or asks for another batch.
            UriTooLong: the URL is longer than `LONGEST_URL`.
        """
        if len(self.url) > LONGEST_URL:
            raise UriTooLong(len(self.url))
        if not self.method or not self.url:
            raise BadRequest("Invalid batch request", f"item '{self.id}' needs both method and url")
        url, query = self._parsed_url()
        if _NESTED.fullmatch(url.path):
            raise BadRequest("Invalid batch request", f"item '{self.id}' is a batch itself")
        return Call(
            self.method,
            url.path,
            urls.parameters(query),
            query,
            outer.origin,
            self.headers,
            self._content(),
            outer.user,
            outer.findings,
        )

    def _parsed_url(self) -> tuple[URL, str]:
        try:
            return urls.address_of(self.url), urls.query_of(self.url)
        except ValueError:
            raise BadRequest("Invalid batch request", f"item '{self.id}' has the url '{self.url}'") from None

    def _content(self) -> bytes:
        try:
            return b64decode("".join(self.body.split()), validate=True)
        except ValueError:
            raise UnreadableBody(f"The body of item '{self.id}' is not base64") from None


@dataclass(frozen=True, slots=True)
class Batch:
    """The calls of a batch, in the order in which they are made."""

    id: str
    items: tuple[BatchItem, ...]


def read_batch(call: Call) -> Batch:
    """Return the batch in a call's body; raises UnreadableBody."""
    body = read_json(call)
    items = body.get("rest_requests") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise UnreadableBody("A batch is an object with rest_requests, an array of objects")
    return Batch(json_text(body.get("batch_request_id")), tuple(map(_item, items)))


def _item(item: "dict[str, Any]") -> BatchItem:
    return BatchItem(
        id=json_text(item.get("id")),
        method=json_text(item.get("method")),
        url=json_text(item.get("url")),
        headers=_headers(item.get("headers")),
        body=json_text(item.get("body")),
        exclude_response_headers=json_text(item.get("exclude_response_headers")) == "true",
    )


def _headers(given: object) -> CIMultiDict[str]:
    pairs = [header for header in given if isinstance(header, dict)] if isinstance(given, list) else []
    return CIMultiDict(
        (json_text(pair.get("name"))[:LONGEST_HEADER], json_text(pair.get("value"))[:LONGEST_HEADER]) for pair in pairs
    )
