"""The words that scenarios and fixtures may use, in the packaged spelling, and help with unknown ones."""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Literal
from uuid import NAMESPACE_URL, uuid5

from privman_contracts import Contracts, PartyName, WireNames
from privman_core.near_words import advice, misspelt

_SEPARATOR = re.compile(r"[\W_]+")


def respelt(word: str, words: Iterable[str]) -> str:
    """Return which of ``words`` a key is in another case, with other separators, or nearly; empty if it is none.

    One that is there as it is has no other spelling.
    """
    valid = {_folded(each): each for each in words}
    folded = _folded(word)
    near = valid.get(folded) or valid.get(misspelt(folded, valid), "")
    return "" if word in valid.values() else near


def _folded(key: str) -> str:
    return _SEPARATOR.sub("", key).lower()


def nearly(what: str, name: str, near: str) -> str:
    """Return the message for a name that is nearly that of another thing."""
    return f"{what} {name!r} is nearly {near!r}. If it is another one, list it under 'own: names'."


_WAYS_OUT = {"tables": "If a file defines it, name that with --tables FILE; else"}


def unknown(what: str, word: str, words: Iterable[str], own: str) -> str:
    """Return the message for an unknown word that ``own`` may declare."""
    if_own = _WAYS_OUT.get(own, "If it is your own,")
    return f"unknown {what} {word!r}. {advice(word, words)} {if_own} list it under 'own: {own}'."


DEFAULT_APPROVER = "scenario.approver"
ADMINISTRATOR = "administrator"
INTEGRATION_USER = "scenario.integration"
# What the console's user needs.
INTEGRATION_ROLES = ("web_service_admin", "approval_admin")
# Who may act without servicenow.create-user.
USERS = (DEFAULT_APPROVER, INTEGRATION_USER, ADMINISTRATOR)


STATES = ("Pending", "Approved", "Denied", "TimedOut", "Expired")
SYSTEM_COLUMNS = ("sys_id", "sys_created_on", "sys_created_by", "sys_updated_on", "sys_updated_by", "sys_mod_count")
SET_UP_STATUSES = ("ok", "failed", "skipped")
# The webhook's events, as the documentation has them.
EVENTS = ("Approval Request Event", "System Approval Request Event")
# Headers of the products' answers, and those that any server or proxy before them may send.
HEADERS = (
    *("allow", "cache-control", "connection", "content-disposition", "content-encoding", "content-length"),
    *("content-security-policy", "content-type", "date", "etag", "expires", "last-modified", "link", "location"),
    *("pragma", "retry-after", "server", "set-cookie", "strict-transport-security", "transfer-encoding", "vary"),
    *("www-authenticate", "x-attachment-metadata", "x-content-type-options", "x-frame-options", "x-is-logged-in"),
    *("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-rule", "x-total-count"),
    "x-transaction-id",
)
# Every path takes them, whatever else it is asked for by.
OF_ANY_PATH = ("HEAD", "OPTIONS")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
# As the Roles page prints them; the product's name before them may be left out. app-roles.md writes
# "View Password Role".
_ROLES = (
    *("Administrators", "Field Engineering", "Helpdesk Users", "MacOS Administrators", "Unix/Linux Administrators"),
    *("Users", "View Password Role", "View Passwords Role", "Windows Administrators"),
)
CONSOLE_ROLES = (*(f"Privilege Manager {role}" for role in _ROLES), *_ROLES)
# What the endpoint does when the application starts.
RUN_OUTCOMES = ("allowed", "pending", "asked")
# Of approval processes.
TEMPLATES = ("Manual Approval Process", "ServiceNow Approval Process")
ItemKind = Literal["API user", "approval process", "approval type", "credential", "foreign system", "policy", "webhook"]
# What a console has before anybody sets it up.
ITEMS: Mapping[ItemKind, tuple[str, ...]] = {
    "approval process": (
        *("Default Manual Approval Process", "Default Offline Approval Process"),
        "Mobile Message Approval Process",
    ),
    "approval type": ("Default Execute Application Request Type", "Default Offline Execute Application Request Type"),
    "policy": ("Elevate Privilege Manager Remove Programs Utility Policy",),
}
READING = ("GET", "HEAD", "OPTIONS")
WITHOUT_BODY = ("GET", "HEAD")
OTHER_SYS_ID = uuid5(NAMESPACE_URL, "a table that is none of the app's").hex
_SYS_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
OTHER_GUID = str(uuid5(NAMESPACE_URL, "an item of the console"))
GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
# Parameters in the paths of the console's API: its items go by GUIDs.
_ENABLE, _ITEM = "{enable}", re.compile(r"\{(item|policy|report|task)Id\}")
_FURTHER: Mapping[PartyName, tuple[tuple[str, str], ...]] = {
    "servicenow": (
        ("POST", "/oauth_token.do"),
        ("GET", "/api/now/table/sys_user"),
        ("POST", "/api/now/table/sys_user"),
        ("PATCH", f"/api/now/table/sys_user/{OTHER_SYS_ID}"),
        ("GET", "/api/now/table/sys_user_role"),
    ),
    "console": (("GET", "/Tms/services/swagger/ui/index"),),
}


@cache
def names() -> WireNames:
    """Return the packaged names of the wire."""
    return WireNames.load()


TABLES = tuple(names().group("tables"))
"""The app's tables, by their canonical names."""
HOLDS: Mapping[str, str] = {name.word: name.holds for name in names() if name.holds}
"""What each column or key holds that does not take any text; see `WireName.holds`."""

_WORDS = {name.path: name.words for name in names() if name.words}


def _holding(*kinds: str) -> tuple[str, ...]:
    return tuple(word for word, holds in HOLDS.items() if holds in kinds)


JSON_COLUMNS = _holding("json")
NUMBERS = (*_holding("number"), "sys_mod_count")
FLAGS = _holding("flag")
GUIDS = _holding("guid")
OF_SYS_IDS = ("sys_id", *_holding(*TABLES))
# Stands for the sys_id of a record of each table, wherever nobody knows the real one yet.
SYS_IDS: Mapping[str, str] = {table: uuid5(NAMESPACE_URL, table).hex for table in TABLES}


@cache
def columns(table: str) -> tuple[str, ...]:
    """Return the columns of one of the app's tables, by their canonical names."""
    return (*names().group(f"columns.{table}"), *SYSTEM_COLUMNS)


@cache
def words(table: str, column: str) -> tuple[str, ...]:
    """Return the words that a column may hold; none where it may hold any text."""
    groups = _WORDS.get(f"columns.{table}.{column}", ())
    return tuple(word for group in groups for word in names().group(f"words.{group}").values())


@cache
def responses() -> tuple[str, ...]:
    """Return the responses of an approver."""
    return words("response", "response")


@cache
def every_word() -> frozenset[str]:
    """Return each word with a meaning that a value may be."""
    wire = (str(name.value) for name in names() if name.path.startswith(("words.", "roles.")))
    return frozenset({*wire, *STATES, *SET_UP_STATUSES, *EVENTS, *CONSOLE_ROLES, *TEMPLATES})


@cache
def asked_of(server: PartyName) -> tuple[tuple[str, str], ...]:
    """Return method and example path of each request that is asked of one party."""
    asked = (each for each in Contracts(names()).exchanges if each.server == server)
    return (*((each.method, path) for each in asked for path in _examples(each.path)), *_FURTHER[server])


def _examples(path: str) -> tuple[str, ...]:
    """Return the paths that stand for all that fit a contract."""
    words = ("true", "false") if _ENABLE in path else ("",)
    return tuple(with_sys_id(path.replace(_ENABLE, word)) for word in words)


def asked_of_tables(tables: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return method and example path of each request about one of these tables, which are none of the app's."""
    of_table = (("GET", "POST"), ("GET", "PUT", "PATCH", "DELETE"))
    paths = ((f"/api/now/table/{each}", f"/api/now/table/{each}/{OTHER_SYS_ID}") for each in tables)
    return tuple(
        (method, path) for both in paths for path, methods in zip(both, of_table, strict=True) for method in methods
    )


@cache
def with_sys_id(path: str) -> str:
    """Return the path of a contract with a sys_id of the table that it names, or with the GUID of an item."""
    path = _ITEM.sub(OTHER_GUID, path.replace(_ENABLE, "true"))
    table = next((table for table, wire in names().group("tables").items() if f"/{wire}/" in path), "")
    return path.replace("{sys_id}", SYS_IDS.get(table, OTHER_SYS_ID))


def without_sys_ids(text: str) -> str:
    """Return the text with a place instead of each sys_id, and of the GUID, that stands for any."""
    text = text.replace(OTHER_GUID, "{itemId}")
    for sys_id in (*SYS_IDS.values(), OTHER_SYS_ID):
        text = text.replace(sys_id, "{sys_id}")
    return text


def fits(glob: str, path: str) -> bool:
    """Tell whether a glob, in any case, fits a known path, in which any identifier stands for any other of its kind."""
    pattern = GUID.sub(OTHER_GUID, _console_path(glob.lower()))
    fillings = (*SYS_IDS.values(), OTHER_SYS_ID)
    found = _SYS_ID.search(pattern)
    literal = found is not None and found[0] not in fillings
    patterns = (_SYS_ID.sub(each, pattern) for each in fillings) if literal else (pattern,)
    return any(fnmatchcase(path.lower(), each) for each in patterns)


def _console_path(pattern: str) -> str:
    """Return the pattern as the console reads it, which ignores repeated slashes."""
    return re.sub("/{2,}", "/", pattern) if pattern.startswith("/tms/") else pattern


@cache
def messages() -> tuple[str, ...]:
    """Return the name of each contract, which is the rule of a finding about it."""
    contracts = Contracts(names())
    return (*contracts.schemas, *(exchange.name for exchange in contracts.exchanges))
