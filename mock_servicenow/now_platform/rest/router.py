"""Which API answers a call."""

import re
from collections.abc import Callable

from mock_servicenow.now_platform.errors import UnknownPath
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.rest.attachment_api import AttachmentApi
from mock_servicenow.now_platform.rest.batch_api import BatchApi
from mock_servicenow.now_platform.rest.call import Answer, Call, Steps
from mock_servicenow.now_platform.rest.import_set_api import ImportSetApi
from mock_servicenow.now_platform.rest.stats_api import StatsApi
from mock_servicenow.now_platform.rest.table_api import TableApi, TinyUrlApi

Resource = Callable[[Call], Answer | Steps]
_PATH = re.compile(r"/api/now(?:/(v[12]))?/(.+)", re.DOTALL)


class Router:
    """The APIs under ``/api/now`` by the first word of their path."""

    def __init__(self, instance: Instance) -> None:
        self._resources: dict[str, Resource] = {
            "table": TableApi(instance).answer,
            "tinyurl": TinyUrlApi(instance).answer,
            "attachment": AttachmentApi(instance).answer,
            "batch": BatchApi(instance, self.answer).answer,
            "import": ImportSetApi(instance).answer,
            "stats": StatsApi(instance).answer,
        }

    def answer(self, call: Call) -> Answer | Steps:
        """Answer a call, or return the work to be done for it; both raise PlatformError."""
        match = _PATH.fullmatch(call.path)
        if match is None or "\0" in call.path or "%00" in call.raw_query:
            raise UnknownPath  # no database compares with what none can store
        call.version = match[1] or ""
        call.resource = tuple(match[2].split("/"))
        resource = self._resources.get(call.resource[0])
        if resource is None or "" in call.resource:
            raise UnknownPath
        return resource(call)
