"""Short stand-ins for long query strings (platform 1.12)."""

from typing import TYPE_CHECKING

import orjson
from multidict import CIMultiDict

from mock_servicenow.now_platform.errors import MethodNotAllowed, UnreadableBody
from mock_servicenow.now_platform.rest import urls
from mock_servicenow.now_platform.rest.bodies import read_json
from mock_servicenow.now_platform.rest.call import JSON, Answer, Call
from mock_servicenow.now_platform.rest.limits import LONGEST_URL

if TYPE_CHECKING:
    from mock_servicenow.now_platform.instance import Instance
    from mock_servicenow.now_platform.records.session import Session

TABLE = "sys_tiny_url"


class TinyUrlApi:
    """Gives short names to long URLs."""

    def __init__(self, instance: "Instance") -> None:
        self._instance = instance

    def answer(self, call: Call) -> Answer:
        """Answer ``POST /api/now/tinyurl``; raises PlatformError."""
        if call.verb != "POST":
            raise MethodNotAllowed(call.verb, ["POST"])
        body = read_json(call)
        url = body.get("url") if isinstance(body, dict) else None
        if not isinstance(url, str) or len(url) > LONGEST_URL:
            raise UnreadableBody
        page = _page(url)
        with self._instance.transaction(self._instance.system, call.findings) as session:
            name = session.ids.hex(32)
            session.insert(TABLE, {"tiny_url": name, "url": url})
        return Answer(201, orjson.dumps({"result": f"{page}?sysparm_tiny={name}"}), CIMultiDict({"Content-Type": JSON}))


def _page(url: str) -> str:
    try:
        return f"{urls.address_of(url).name}_list.do"
    except ValueError:
        raise UnreadableBody(f"'{url}' is no URL") from None


def expand(call: Call, session: "Session") -> None:
    """Put the parameters that a call's ``sysparm_tiny`` stands for in its place."""
    name = call.query.get("sysparm_tiny")
    found = None if name is None else session.elevated.find(TABLE, tiny_url=name)
    if found is None:
        return
    call.raw_query = urls.query_of(found["url"])
    call.query = urls.parameters(call.raw_query)
