"""Attacks on an instance with many incidents."""

import atexit
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from benchmarks.hostile.attack import JSON, PORT, XML, Attack, get, many, one, unread
from benchmarks.hostile.instance import MOCK, TABLE, batch, page
from benchmarks.servers import mock_servicenow
from mock_servicenow.blueprint import Blueprint
from mock_servicenow.now_platform.storage.store import Store
from mock_servicenow.settings import Settings
from privman_core.ids import Ids
from privman_core.virtual_clock import VirtualClock

ROWS = 20_000
LIKES = quote("^OR".join(f"descriptionLIKE{number}x" for number in range(450)))
SORTED = quote("^".join(f"ORDERBYparent.parent.parent.{name}" for name in ("number", "category", "state", "active")))
LARGE: dict[str, Attack] = {
    "all in the order of four dot-walks": get(f"{TABLE}?sysparm_query={SORTED}"),
    "450 texts in the descriptions": get(f"{TABLE}?sysparm_query={LIKES}"),
    "450 texts in the descriptions, six times at once": many(6, get(f"{TABLE}?sysparm_query={LIKES}")),
    "450 texts in the descriptions, on a page": page(f"/incident_list.do?sysparm_query={LIKES}"),
    "a text search of 32 words": MOCK["a text search of 32 words"],
    "each row a group": get("/api/now/stats/incident?sysparm_count=true&sysparm_group_by=number"),
    "each row a group, in words, as XML": one(
        "/api/now/stats/incident?sysparm_group_by=number,parent&sysparm_count=true&sysparm_display_value=all", XML, b""
    ),
    "groups with a condition": get(
        "/api/now/stats/incident?sysparm_count=true&sysparm_group_by=parent.number&sysparm_having=count%5Enumber%5E>%5E5"
    ),
    "a list of 10,000 rows in words": get(f"{TABLE}?sysparm_display_value=all"),
    "20 lists of 10,000 rows in words at once": many(20, get(f"{TABLE}?sysparm_display_value=all")),
    "40 lists of 20,000 rows that nobody reads": many(40, unread(f"{TABLE}?sysparm_limit=20000&sysparm_fields=number")),
    "a batch of 20 lists of 10,000 rows": one("/api/now/v1/batch", JSON, batch(f"{TABLE}?sysparm_fields=number", 20)),
    "a related list of each row": get(
        f"{TABLE}?sysparm_query=RLQUERYincident.parent,>=5%5EdescriptionLIKEx%5EENDRLQUERY%5EORDERBYparent.number"
    ),
    "the last rows, on a page": page(
        "/incident_list.do?sysparm_query=ORDERBYshort_description&sysparm_first_row=19000"
    ),
}


def large() -> list[str]:
    """Return the command that serves an instance with `ROWS` incidents in a file."""
    folder = TemporaryDirectory()
    atexit.register(folder.cleanup)
    url = f"sqlite:///{Path(folder.name) / 'large.db'}"
    blueprint = Blueprint.draw(Settings(database=url))
    store = Store(blueprint.database(url))
    instance = blueprint.instance(store, VirtualClock(), Ids(1))
    blueprint.build(instance)
    with instance.transaction(instance.system) as session:
        session.store_rows("incident", map(incident, range(ROWS)))
    store.close()
    return mock_servicenow(PORT, "--database", url)


def incident(number: int) -> dict[str, str]:
    """Return a row; ten have the same parent."""
    return {
        "sys_id": f"{number:032x}",
        "number": f"INC1{number:06}",
        "short_description": f"text {number * 7919 % ROWS}",
        "description": "some longer text " * 20,
        "parent": f"{number // 10:032x}",
    }
