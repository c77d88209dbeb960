"""aiosnow, the asyncio client of released packages, against the platform."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiosnow
import pytest
from aiosnow.exceptions import NoItems, RequestError, TooManyItems
from aiosnow.models.table.declared import IncidentModel

from .conftest import Instance

# Its last release uses what aiohttp has deprecated since.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
async def incidents(instance: Instance) -> AsyncIterator[IncidentModel]:
    """Return the client's model of the incidents."""
    async with IncidentModel(client_of(instance, "admin"), table_name="incident") as model:
        yield model


def client_of(instance: Instance, password: str) -> aiosnow.Client:
    """Return a client that logs in as the administrator."""
    return aiosnow.Client(urlsplit(instance.url).netloc, basic_auth=("admin", password), use_ssl=False)


@pytest.mark.long
async def test_a_record_comes_and_goes(incidents: IncidentModel) -> None:
    """It creates, finds, changes and deletes a record, and maps choices to their labels."""
    created = await incidents.create({"short_description": "Disk full", "impact": 1, "urgency": 1})
    assert (created.status, created["priority"].key, created["priority"].value) == (201, 1, "1 - Critical")
    its = IncidentModel.number == created["number"]
    found = await incidents.get_one(its)
    assert (found["short_description"], found["active"], found["assignment_group"]) == ("Disk full", True, None)
    assert (await incidents.update(its, {"short_description": "Disk empty"}))["short_description"] == "Disk empty"
    assert (await incidents.delete(its)).status == 204
    with pytest.raises(NoItems):
        await incidents.get_one(its)


@pytest.mark.long
async def test_pages_are_followed(incidents: IncidentModel) -> None:
    """Its stream goes from page to page by the Link header, to the last record."""
    for _ in range(5):
        await incidents.create({"short_description": "paged"})
    paged = aiosnow.select(IncidentModel.short_description == "paged").order_asc(IncidentModel.number)
    numbers = [record["number"] async for _, record in incidents.stream(paged, page_size=2, limit=100)]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 5


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (IncidentModel.short_description.contains("ISK"), ["Disk full"]),
        (IncidentModel.short_description.starts_with("net"), ["Network down"]),
        (IncidentModel.urgency <= 1, ["Disk full"]),
        (IncidentModel.active.is_falsy(), ["Network down"]),
        (IncidentModel.opened_at.after("2000-01-01 00:00:00") & (IncidentModel.impact == 2), ["Network down"]),
    ],
    ids=str,
)
async def test_conditions(incidents: IncidentModel, condition: aiosnow.Selector, found: list[str]) -> None:
    """What its conditions are written as selects the records they mean."""
    mine = IncidentModel.correlation_id == "aiosnow"
    disk = {"short_description": "Disk full", "urgency": 1}
    network = {"short_description": "Network down", "impact": 2, "active": "false"}
    for values in (disk, network):
        await incidents.create({**values, "correlation_id": "aiosnow"})
    answer = await incidents.get(mine & condition)
    assert [record["short_description"] for record in answer] == found


@pytest.mark.long
async def test_files_make_the_round_trip(incidents: IncidentModel, tmp_path: Path) -> None:
    """A file that it uploads to a record is listed and comes back byte for byte."""
    source, content = tmp_path / "report.bin", bytes(range(256))
    source.write_bytes(content)
    created = await incidents.create({"short_description": "with a file"})
    sent = await incidents.upload_file(IncidentModel.number == created["number"], path=str(source))
    assert (sent["file_name"], sent["size_bytes"]) == ("report.bin", len(content))
    target = tmp_path / "back"
    target.mkdir()
    await incidents.download_file(f"table_sys_id={created['sys_id']}", dst_dir=str(target))
    assert (target / "report.bin").read_bytes() == content


async def test_refusals(incidents: IncidentModel, instance: Instance) -> None:
    """It reads the envelope of an error, and tells one record from several."""
    with pytest.raises(RequestError, match="No Record found"):
        await incidents.update("0" * 32, {"short_description": "x"})
    with pytest.raises(TooManyItems):
        await incidents.get_one(IncidentModel.number.starts_with("INC"))
    async with IncidentModel(client_of(instance, "wrong"), table_name="incident") as stranger:
        with pytest.raises(RequestError, match="User is not authenticated"):
            await stranger.get(limit=1)
