"""What an instance tells of itself: its tables, their columns, and its address."""

import pytest
import requests

from mock_servicenow import MockServiceNow, Settings


def _rows(instance: MockServiceNow, table: str, query: str = "", fields: str = "name") -> list[dict[str, str]]:
    asked = {"sysparm_query": query, "sysparm_fields": fields}
    answer = requests.get(f"{instance.url}/api/now/table/{table}", params=asked, auth=instance.auth, timeout=60)
    rows: list[dict[str, str]] = answer.json()["result"]
    return rows


@pytest.mark.long
def test_each_listed_table_answers() -> None:
    """Clients read the list and ask each: tables of the mock's own, such as those of secrets, are in no list."""
    with MockServiceNow() as instance, requests.Session() as session:
        session.auth = instance.auth
        names = [row["name"] for row in _rows(instance, "sys_db_object")]
        one = {"sysparm_limit": "1"}
        answers = {name: session.get(f"{instance.url}/api/now/table/{name}", params=one).status_code for name in names}
        assert {name for name, status in answers.items() if status != 200} == set()
        described = {row["name"] for row in _rows(instance, "sys_dictionary")}
        assert described == {*names}
        assert not [name for name in names if "secret" in name]


def test_the_class_of_records_is_a_column() -> None:
    """Docs, tables and classes: sys_dictionary has sys_class_name once for each hierarchy, at its root."""
    with MockServiceNow() as instance:
        rows = _rows(instance, "sys_dictionary", "element=sys_class_name", "name,internal_type")
        assert {row["internal_type"] for row in rows} == {"sys_class_name"}
        names = [row["name"] for row in rows]
        assert {"task", "cmdb_ci", "sys_metadata"} <= {*names}
        assert {"incident", "sys_audit"}.isdisjoint(names)


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("", {"instance_name": "mock", "glide.servlet.uri": "http://localhost:8080/"}),
        (
            "https://dev12345.service-now.com",
            {"instance_name": "dev12345", "glide.servlet.uri": "https://dev12345.service-now.com/"},
        ),
        ("http://127.0.0.1:81", {"instance_name": "mock", "glide.servlet.uri": "http://127.0.0.1:81/"}),
    ],
)
def test_properties_tell_the_address(url: str, known: dict[str, str]) -> None:
    """Docs, available system properties: the name of the instance and its URI; a reset keeps them."""
    with MockServiceNow(Settings(url=url)) as instance:
        asked = "nameINinstance_name,glide.servlet.uri"
        for _ in range(2):
            found = _rows(instance, "sys_properties", asked, "name,value")
            assert {row["name"]: row["value"] for row in found} == known
            instance.reset()
