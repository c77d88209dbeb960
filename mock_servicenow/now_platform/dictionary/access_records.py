"""Access rules as records: sys_security_acl, with their roles in sys_security_acl_role (Docs: ACL rules).

Each rule that ships, or comes from a file, has a record that describes it; other records add rules.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from mock_servicenow.now_platform.dictionary.definitions import EVERY_COLUMN, OPERATIONS, Acl, Table
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.dictionary_rows import Values, seed_id

RULES, RULE_ROLES, ROLES = "sys_security_acl", "sys_security_acl_role", "sys_user_role"
LONGEST_CONDITION = 4_000
MOST_RULES = 1_000
"""Rules that records add, the oldest; each query on their tables reads them."""
_RECORD = "record"
_SCRIPT = "has a script, which is not run"


@lru_cache(maxsize=4)
def shipped_rules(base: Dictionary) -> Mapping[str, tuple[Table, Acl]]:
    """Return each rule of a table that web services reach, by the sys_id of its record."""
    found: dict[str, tuple[Table, Acl]] = {}
    for table in base:
        for number, acl in enumerate(table.acls if table.web_service_access else ()):
            found[seed_id(RULES, f"{table.name}.{number}")] = table, acl
    return found


def access_rows(base: Dictionary, roles: Mapping[str, str]) -> Iterator[tuple[str, Values]]:
    """Yield the rows that describe the rules, and those that name their roles.

    Args:
        base: the tables.
        roles: the sys_ids of roles by name; a role that is not among them is named.
    """
    for sys_id, (table, acl) in shipped_rules(base).items():
        name = _name_of(table.name, acl)
        described = {"name": name, "operation": acl.operation, "condition": acl.condition, "sys_name": name}
        yield RULES, {"sys_id": sys_id, **described}
        for role in acl.roles:
            named = {"sys_security_acl": sys_id, "sys_user_role": roles.get(role, role)}
            yield RULE_ROLES, {"sys_id": seed_id(RULE_ROLES, f"{sys_id}.{role}"), **named}


def _name_of(table: str, acl: Acl) -> str:
    return table if acl.column is None else f"{table}.{acl.column}"


def shipped_role_of(base: Dictionary, sys_id: str) -> str:
    """Return the name of the role that a record gives to a rule that ships; empty if it is no such record."""
    return _shipped_roles(base).get(sys_id, "")


@lru_cache(maxsize=4)
def _shipped_roles(base: Dictionary) -> Mapping[str, str]:
    rules = shipped_rules(base).items()
    return {seed_id(RULE_ROLES, f"{sys_id}.{role}"): role for sys_id, (_, acl) in rules for role in acl.roles}


class StoredRules(Struct, frozen=True):
    """The access rules that an instance has with the records of its rules.

    Attributes:
        by_table: the rules of each table that has some.
        ignored: what records say without effect, each in one line.
    """

    by_table: Mapping[str, tuple[Acl, ...]]
    ignored: tuple[str, ...]

    @classmethod
    def read(cls, base: Dictionary, dictionary: Dictionary, rows: Mapping[str, Sequence[Values]]) -> "StoredRules":
        """Return the rules of the base as records change and add to them.

        Args:
            base: the tables that ship, and those of files: a rule without a record stays as it is.
            dictionary: the tables that there are now.
            rows: the records of `RULES`, `RULE_ROLES` and `ROLES`, in order of insertion.
        """
        reader = _RuleReader(dictionary, _roles_of_rules(rows))
        shipped, records = shipped_rules(base), {row["sys_id"]: row for row in rows[RULES]}
        for table in base:
            if not table.web_service_access:
                reader.rules[table.name] = [*table.acls]
        for sys_id, (table, acl) in shipped.items():
            reader.take_shipped(table.name, acl, sys_id, records.get(sys_id))
        reader.take([row for row in rows[RULES] if row["sys_id"] not in shipped])
        return cls({name: tuple(rules) for name, rules in reader.rules.items()}, tuple(reader.ignored))


class _RuleReader:
    def __init__(self, dictionary: Dictionary, roles: Mapping[str, Sequence[str]]) -> None:
        self.rules: dict[str, list[Acl]] = {}
        self.ignored: list[str] = []
        self._dictionary = dictionary
        self._roles = roles

    def take_shipped(self, table: str, acl: Acl, sys_id: str, row: Values | None) -> None:
        """Add a rule of the base unless its record is inactive, which may change the condition and add roles."""
        self.rules.setdefault(table, [])
        if row is None or row["active"] != "false":
            self._add(table, acl if row is None else self._changed(table, acl, sys_id, row))

    def _changed(self, table: str, acl: Acl, sys_id: str, row: Values) -> Acl:
        """Return a rule of the base with what its record may change of it."""
        kept = {"name": _name_of(table, acl), "operation": acl.operation, "type": row["type"] and _RECORD}
        self._report_kept(row, kept)
        others = tuple(role for role in self._roles.get(sys_id, ()) if role not in acl.roles)
        return replace(acl, roles=acl.roles + others, condition=self._condition(row, acl.condition))

    def _report_kept(self, row: Values, kept: Values) -> None:
        """Report what a record of a rule that ships cannot change."""
        for key, value in kept.items():
            if row[key] != value:
                self._ignore(row, f"ships, or comes from a file, and keeps its {key} '{value}'")
        if row["script"].strip():
            self._ignore(row, _SCRIPT)
        self._report_overrides(row)

    def _report_overrides(self, row: Values) -> None:
        if row["admin_overrides"] == "false":
            self._ignore(row, "has admin_overrides 'false': administrators pass all the same")

    def take(self, rows: Sequence[Values]) -> None:
        """Add the rules of records."""
        acting = [row for row in rows if row["active"] != "false"]
        for row in acting[MOST_RULES:]:
            self._ignore(row, f"is one more than {MOST_RULES:,}")
        for row in acting[:MOST_RULES]:
            if why := self._why_not(row):
                self._ignore(row, why)
                continue
            self._report_overrides(row)
            table, _, column = row["name"].partition(".")
            roles = tuple(self._roles.get(row["sys_id"], ()))
            self._add(table, Acl(row["operation"], roles, column or None, row["condition"]))

    def _why_not(self, row: Values) -> str:
        """Return why a record adds no rule; empty if it does."""
        if row["type"] not in {"", _RECORD}:
            return f"is of type '{row['type']}'; expected {_RECORD}"
        if row["operation"] not in OPERATIONS:
            return f"has operation '{row['operation']}'; expected one of {', '.join(OPERATIONS)}"
        if row["script"].strip():
            return _SCRIPT
        return self._why_no_place(*row["name"].partition(".")[::2]) or _why_no_condition(row["condition"])

    def _why_no_place(self, table: str, column: str) -> str:
        known = self._dictionary.table(table)
        if known is None or not known.web_service_access:
            return f"is of table '{table}', which is not defined"
        named = column in {"", EVERY_COLUMN} or column in self._dictionary.columns(table)
        return "" if named else f"is of column '{column}', which is not defined"

    def _add(self, table: str, rule: Acl) -> None:
        self.rules.setdefault(table, []).append(rule)

    def _condition(self, row: Values, condition: str) -> str:
        why = _why_no_condition(row["condition"])
        if why:
            self._ignore(row, why)
        return condition if why else row["condition"]

    def _ignore(self, row: Values, why: str) -> None:
        self.ignored.append(f"access rule '{row['name']}' ({row['operation']}) {why}")


def _roles_of_rules(rows: Mapping[str, Sequence[Values]]) -> dict[str, list[str]]:
    names = {row["sys_id"]: row["name"] for row in rows[ROLES]}
    found: dict[str, list[str]] = {}
    for row in rows[RULE_ROLES]:
        found.setdefault(row["sys_security_acl"], []).append(names.get(row["sys_user_role"], row["sys_user_role"]))
    return found


def _why_no_condition(condition: str) -> str:
    length = len(condition)
    if length <= LONGEST_CONDITION:
        return ""
    return f"has a condition of {length:,} characters; expected at most {LONGEST_CONDITION:,}"


def rules_of(table: str, rows: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """Yield the sys_ids of the records of rules of a table and its columns."""
    return (row["sys_id"] for row in rows if row["name"].partition(".")[0] == table)
