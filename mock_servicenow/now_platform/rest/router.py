"""The REST APIs, one row each, by their namespace and the first word of their paths.

To add an API, add a row to `APIS`: authentication, rate limits, headers, errors, batches, journal and faults follow.
`tests/now_platform/test_every_api.py` holds each row to the rules of all: 401, 405 with ``Allow``, XML, and 400 for a
path with more words.
"""

import re
from collections.abc import Callable, Mapping

from mock_servicenow.now_platform.errors import UnknownPath
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.rest.attachment_api import AttachmentApi
from mock_servicenow.now_platform.rest.batch_api import BatchApi
from mock_servicenow.now_platform.rest.call import Answer, Call, Steps
from mock_servicenow.now_platform.rest.change_management_api import ChangeManagementApi
from mock_servicenow.now_platform.rest.cmdb_instance_api import CmdbInstanceApi
from mock_servicenow.now_platform.rest.email_api import EmailApi
from mock_servicenow.now_platform.rest.event_api import EventApi
from mock_servicenow.now_platform.rest.import_set_api import ImportSetApi
from mock_servicenow.now_platform.rest.knowledge_api import KnowledgeApi
from mock_servicenow.now_platform.rest.page_apis import TableListApi, UiApi
from mock_servicenow.now_platform.rest.service_catalog_api import ServiceCatalogApi
from mock_servicenow.now_platform.rest.stats_api import StatsApi
from mock_servicenow.now_platform.rest.table_api import TableApi, TinyUrlApi

Resource = Callable[[Call], Answer | Steps]
_PATH = re.compile(r"/api/(\w+)(?:/(v[12]))?/(.+)", re.ASCII | re.DOTALL)


class Router:
    """The APIs under ``/api`` by namespace and first word."""

    def __init__(self, instance: Instance) -> None:
        self._resources = {tuple(api.split("/")): build(instance, self) for api, build in APIS.items()}

    def answer(self, call: Call) -> Answer | Steps:
        """Answer a call, or return the work to be done for it; both raise PlatformError."""
        match = _PATH.fullmatch(call.path)
        if match is None or "\0" in call.path or "%00" in call.raw_query:
            raise UnknownPath  # no database compares with what none can store
        if match[2]:
            call.version, call.prefix = match[2], f"/api/now/{match[2]}"
        call.resource = tuple(match[3].split("/"))
        resource = self._resources.get((match[1], call.resource[0]))
        if resource is None or "" in call.resource:
            raise UnknownPath
        return resource(call)


APIS: Mapping[str, Callable[[Instance, Router], Resource]] = {
    "now/table": lambda instance, _router: TableApi(instance).answer,
    "now/tinyurl": lambda instance, _router: TinyUrlApi(instance).answer,
    "now/attachment": lambda instance, _router: AttachmentApi(instance).answer,
    "now/batch": lambda instance, router: BatchApi(instance, router.answer).answer,
    "now/import": lambda instance, _router: ImportSetApi(instance).answer,
    "now/stats": lambda instance, _router: StatsApi(instance).answer,
    "sn_chg_rest/change": lambda instance, _router: ChangeManagementApi(instance).answer,
    "sn_sc/servicecatalog": lambda instance, _router: ServiceCatalogApi(instance).answer,
    "sn_km_api/knowledge": lambda instance, _router: KnowledgeApi(instance).answer,
    "now/cmdb": lambda instance, _router: CmdbInstanceApi(instance).answer,
    "now/doc": lambda instance, _router: TableListApi(instance).answer,
    "now/ui": lambda instance, _router: UiApi(instance).answer,
    "now/email": lambda instance, _router: EmailApi(instance).answer,
    "global/em": lambda instance, _router: EventApi(instance).answer,
}
