"""How tables of rules name the REST API that they are about."""

import re

STOCK = {
    "Table API": "now/table",
    "Attachment API": "now/attachment",
    "Aggregate API": "now/stats",
    "Batch API": "now/batch",
    "Import Set API": "now/import",
}
_VERSION = re.compile(r"(?<=/)v\d+/")


def covers(api: str, path: str) -> bool:
    """Return whether the path of a URL belongs to an API, given by its name or as its path after ``/api/``.

    No version in the API's path stands for every version.
    """
    root = _unversioned(STOCK.get(api, api.strip("/")))
    called = _unversioned(path.removeprefix("/api/"))
    return bool(root) and f"{called}/".startswith(f"{root}/")


def _unversioned(path: str) -> str:
    return _VERSION.sub("", path, count=1)
