"""A caret in a value, or in the name of a column to sort by, is no query: it selects no further records."""

from collections.abc import Iterator

import pytest
import requests

from mock_servicenow import MockServiceNow

MESSAGE = '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><{0}>{1}</{0}></e:Body></e:Envelope>'
NONE = "<__encoded_query>number=none</__encoded_query>"
# It would match every record as the beginning of another query.
MORE = "^NQsys_idISNOTEMPTY"


@pytest.fixture(scope="module")
def instance() -> Iterator[MockServiceNow]:
    """Serve an instance with its demo records."""
    with MockServiceNow() as served:
        yield served


@pytest.mark.parametrize(
    ("path", "nothing"),
    [
        ("/api/now/table/incident?number=none{}", '{"result":[]}'),
        ("/api/now/stats/incident?sysparm_count=true&number=none{}", '{"result":{"stats":{"count":"0"}}}'),
        ("/incident.do?JSONv2&sysparm_action=getKeys&sysparm_sys_id=none{}", '{"records":[]}'),
        ("/incident_list.do?CSV&sysparm_query=number=none&sysparm_orderby=number{}&sysparm_fields=number", '"number"'),
        ("/incident_list.do?CSV&sys_id=none{}&sysparm_fields=number", '"number"'),
        ("/api/sn_chg_rest/change?number=none{}", '{"result":[]}'),
        ("/api/sn_chg_rest/change?textSearch=none{}", '{"result":[]}'),
        ("/api/sn_chg_rest/change?sysparm_query=number=none&order=number{}", '{"result":[]}'),
        ("/api/now/cmdb/instance/cmdb_ci?name=none{}", '{"result":[]}'),
        ("/api/sn_sc/servicecatalog/items?sysparm_text=none{}", '{"result":[]}'),
        ("/api/sn_sc/servicecatalog/items?sysparm_category=none{}", '{"result":[]}'),
        ("/api/sn_sc/servicecatalog/items?sysparm_catalog=none{}", '{"result":[]}'),
        ("/api/sn_sc/servicecatalog/catalogs?sysparm_text=none{}", '{"result":[]}'),
    ],
)
def test_in_an_address(instance: MockServiceNow, path: str, nothing: str) -> None:
    """Without it the same request finds nothing, too."""
    with requests.Session() as session:
        session.auth = instance.auth
        for more in ("", MORE):
            assert session.get(instance.url + path.format(more)).text.strip() == nothing


@pytest.mark.parametrize("operation", ["getKeys", "aggregate", "deleteMultiple"])
@pytest.mark.parametrize(
    "example",
    [
        "<number>none{}</number>",
        f"{NONE}<__order_by>number{{}}</__order_by>",
        f"{NONE}<__order_by_desc>number{{}}</__order_by_desc>",
    ],
)
def test_in_a_message(instance: MockServiceNow, operation: str, example: str) -> None:
    """Of each operation that selects by an example; a deletion may refuse it."""
    counted = "<COUNT>number</COUNT>" * (operation == "aggregate")
    message = MESSAGE.format(operation, counted + example.format(MORE))
    answer = requests.post(f"{instance.url}/incident.do?SOAP", message, auth=instance.auth, timeout=60)
    assert "<count>0</count>" in answer.text or (operation, answer.status_code) == ("deleteMultiple", 500)
