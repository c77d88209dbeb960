"""What an instance tells of itself: its tables, their columns, and its address."""

from pathlib import Path

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


_ADDRESS = "nameINinstance_name,glide.servlet.uri"


def _address(instance: MockServiceNow) -> dict[str, str]:
    return {row["name"]: row["value"] for row in _rows(instance, "sys_properties", _ADDRESS, "name,value")}


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("", {"instance_name": "mock"}),
        (
            "https://dev12345.service-now.com",
            {"instance_name": "dev12345", "glide.servlet.uri": "https://dev12345.service-now.com/"},
        ),
        ("http://127.0.0.1:81", {"instance_name": "mock", "glide.servlet.uri": "http://127.0.0.1:81/"}),
    ],
)
def test_properties_tell_the_address(url: str, known: dict[str, str]) -> None:
    """Docs, available system properties: the instance's name, and its URI wherever it listens; also after a reset."""
    with MockServiceNow(Settings(url=url)) as instance:
        for _ in range(2):
            assert _address(instance) == {"glide.servlet.uri": f"{instance.url}/", **known}
            instance.reset()


@pytest.mark.long
def test_the_address_follows_the_port_until_somebody_sets_it(tmp_path: Path) -> None:
    """A database that is served elsewhere tells its new address; what a person wrote stays."""
    settings = Settings(database=f"sqlite:///{tmp_path / 'instance.db'}")
    for _ in range(2):  # a free port, seldom the same one
        with MockServiceNow(settings) as instance:
            assert _address(instance)["glide.servlet.uri"] == f"{instance.url}/"
    with MockServiceNow(settings) as instance:
        [record] = _rows(instance, "sys_properties", "name=glide.servlet.uri", "sys_id")
        changed = f"{instance.url}/api/now/table/sys_properties/{record['sys_id']}"
        requests.patch(changed, json={"value": "https://mine.example/"}, auth=instance.auth, timeout=60)
    with MockServiceNow(settings) as instance:
        assert _address(instance)["glide.servlet.uri"] == "https://mine.example/"


@pytest.mark.long
def test_the_address_of_a_file_stays(tmp_path: Path) -> None:
    """It is what the file says, also after a reset and another start."""
    file, database = tmp_path / "rows.yaml", f"sqlite:///{tmp_path / 'instance.db'}"
    file.write_text("sys_properties: [{name: glide.servlet.uri, value: 'https://file.example/'}]")
    for _ in range(2):
        with MockServiceNow(Settings(data=(file,), database=database)) as instance:
            assert _address(instance)["glide.servlet.uri"] == "https://file.example/"
            instance.reset()
            assert _address(instance)["glide.servlet.uri"] == "https://file.example/"
