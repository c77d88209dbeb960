"""What a process that was killed has left half done is gone after the next start; whatever was acknowledged stays."""

import pytest

from mock_servicenow.app import Blueprint
from mock_servicenow.settings import Settings

from .conftest import Instance, running

FILE = "/api/now/attachment/file"
SYS_FIELDS = {"sysparm_suppress_auto_sys_field": "true"}
NOBODY = "0" * 32


async def created(instance: Instance, table: str, at: str = "", **values: str) -> str:
    """Create a record, perhaps at another time, and return its sys_id."""
    old = {"sys_created_on": at} if at else {}
    answer = await instance.call("POST", f"/api/now/table/{table}", json=values | old, params=SYS_FIELDS if at else {})
    assert answer.status == 201
    return str(answer.result["sys_id"])


@pytest.mark.long
async def test_half_a_file_and_half_an_import_set_are_removed(lasting: str, blueprint: Blueprint) -> None:
    """On a database that processes share only what is a day old: another process may be at it."""
    settings = Settings(database=lasting)
    async with running(settings, blueprint) as instance:
        incident = await created(instance, "incident", short_description="Printer")
        params = {"table_name": "incident", "table_sys_id": incident, "file_name": "a.txt"}
        headers = {"Content-Type": "text/plain"}
        attached = await instance.call("POST", FILE, data=b"whole", params=params, headers=headers)
        assert attached.status == 201
        for at in ("2026-01-03 09:00:00", ""):
            await created(instance, "sys_attachment_doc", at, sys_attachment=NOBODY, position="0", data="AAAA")
            half = await created(instance, "sys_import_set", at, table_name="imp_user", state="loading")
            await created(instance, "imp_user", sys_import_set=half, user_id="half")
        await created(instance, "sys_import_set", "2026-01-03 09:00:00", table_name="no_table", state="loading")
        whole = await created(instance, "sys_import_set", table_name="imp_user", state="processed")
        await created(instance, "imp_user", sys_import_set=whole, user_id="whole")
    async with running(settings, blueprint) as instance:
        left = 0 if lasting.startswith("sqlite") else 1
        assert len(await instance.read("sys_attachment_doc", query=f"sys_attachment={NOBODY}")) == left
        assert len(await instance.read("imp_user", query="user_id=half")) == left
        assert len(await instance.read("sys_import_set", query="state=loading^table_name=imp_user")) == left
        assert len(await instance.read("imp_user", query="user_id=whole")) == 1
        file = await instance.call("GET", f"/api/now/attachment/{attached.result['sys_id']}/file")
        assert (file.status, file.body) == (200, b"whole")
