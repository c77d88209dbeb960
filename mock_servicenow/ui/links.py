"""Links that a person brings along, which must not lead away from the instance."""

import re

from yarl import URL

# "//host" and "/\\host" would lead elsewhere.
_OWN_PATH = re.compile(r"/(?![/\\])[^\s\\]*")


def is_own(path: str) -> bool:
    """Tell whether it is a path of this instance."""
    return _OWN_PATH.fullmatch(path) is not None


def own_page(uri: str) -> str:
    """Return the path of the page that ``uri`` names, with or without its first slash, else of the navigator."""
    path, _, query = uri.partition("?")
    path = f"/{path.removeprefix('/')}"
    return str(URL.build(path=path, query_string=query)) if is_own(path) else "/"
