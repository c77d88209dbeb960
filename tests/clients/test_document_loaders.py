"""Loaders that turn records into documents for language models, by a proxy: they demand the name of an instance."""

import json
from pathlib import Path

from tests.mock_servicenow.command import serving_command

from .conftest import Install, Run

INSTANCE = "http://dev12345.service-now.com"
LOADERS = ("Incident", "Change", "Problem", "CMDB", "Relationship", "KnowledgeBase", "Catalog", "Attachment")
SNOWLOADER = f"""
import json, snowloader
connection = snowloader.SnowConnection(instance_url="{INSTANCE}", username="admin", password="admin")
loaders = {{name: getattr(snowloader, name + "Loader")(connection=connection) for name in {LOADERS!r}}}
print(json.dumps({{name: [each.page_content for each in loader.load()] for name, loader in loaders.items()}}))
"""
LANGCHAIN = f"""
import json
from langchain_snowloader import ServiceNowKBLoader
from snowloader import SnowConnection
connection = SnowConnection(instance_url="{INSTANCE}", username="admin", password="admin")
print(json.dumps([document.page_content for document in ServiceNowKBLoader(connection=connection).load()]))
"""


async def test_snowloader(python_client: Install, succeed: Run, tmp_path: Path) -> None:
    """Every loader reads its table; the command proves that its sweep was complete."""
    programs = await python_client("snowloader")
    async with serving_command() as url:
        output = await succeed(str(programs / "python"), "-c", SNOWLOADER, folder=tmp_path, http_proxy=url)
        told = await succeed(
            *(str(programs / "snowloader"), "extract", "incident", "--out", "incidents.jsonl"),
            folder=tmp_path,
            http_proxy=url,
            SNOW_INSTANCE=INSTANCE,
            SNOW_USER="admin",
            SNOW_PASS="admin",
        )
    documents = json.loads(output)
    assert {name for name in LOADERS if not documents[name]} == {"Relationship", "Attachment"}
    assert any("INC0000060" in text for text in documents["Incident"])
    assert any("KB0000001" in text for text in documents["KnowledgeBase"])
    assert "every record present exactly once" in told


async def test_langchain_loader(python_client: Install, succeed: Run, tmp_path: Path) -> None:
    """Articles become documents of LangChain."""
    programs = await python_client("langchain-snowloader")
    async with serving_command() as url:
        output = await succeed(str(programs / "python"), "-c", LANGCHAIN, folder=tmp_path, http_proxy=url)
    assert any("printer" in text for text in json.loads(output))
