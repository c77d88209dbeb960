"""What becomes of the values of each column: nothing that may be a text is copied unless a rule says so."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache, partial

from msgspec.structs import replace

from mock_servicenow.now_platform.dictionary.column_types import Convert, Family
from mock_servicenow.now_platform.dictionary.definitions import CLASS_COLUMN, Column
from mock_servicenow.now_platform.dictionary.values import is_sys_id
from mock_servicenow.pull.pseudonym_rules import COPY, DROP, HARMLESS, NEVER, PseudonymRule
from mock_servicenow.pull.pseudonyms import Pseudonyms

Make = Callable[[str], str]
CHOICES = "choices"
"""Only values that the column offers as choices are copied."""
IDENTIFIERS = "identifiers"
"""Only sys_ids are copied: the column is a reference there, and a text here."""
NOT_READ = frozenset({NEVER, DROP})
UNFIT = "\0"
"""Takes the place of a value that is not of its column's type, until it is reported: no database stores it."""
_REMEMBERED = 1_000
"""Values of a column whose replacements are kept."""
_IDENTIFYING = frozenset({"sys_id", CLASS_COLUMN.name})
_IDENTIFIERS = frozenset({Family.REFERENCE, Family.IDENTIFIER})
_IDENTIFIER = re.compile(r"global|\{?[0-9A-Fa-f-]{32,36}\}?")


class Treatments:
    """Decides how values of columns are treated, and treats them.

    Args:
        own: a user's rules, of which the first that fits a column decides.
        packaged: rules for the columns about which these say nothing.
        keeps_text: whether texts that only packaged rules leave out are copied.

    Attributes:
        lines: rules of the user that cannot act, a line each.
    """

    def __init__(
        self,
        own: Sequence[PseudonymRule],
        packaged: Sequence[PseudonymRule],
        pseudonyms: Pseudonyms,
        *,
        keeps_text: bool,
    ) -> None:
        self._own = own
        self._packaged = packaged
        self._secrets = [rule for rule in packaged if rule.treatment == NEVER]
        self._pseudonyms = pseudonyms
        self._keeps_text = keeps_text
        self._used: set[PseudonymRule] = set()
        self._tables: set[str] = set()
        self._columns: set[str] = set()
        self.lines: dict[str, None] = {}

    def of(self, lineage: Sequence[str], columns: Iterable[Column], declared: Mapping[str, str]) -> dict[str, str]:
        """Return the treatment of each column, by name.

        Args:
            lineage: the table and those that it extends.
            columns: as the mock has them.
            declared: their types on the instance, by name.
        """
        found = {
            column.name: self._of(lineage, column, _declared(column, declared.get(column.name, column.type)))
            for column in columns
        }
        self._tables |= {*lineage}
        self._columns |= found.keys()
        return found

    def unused(self) -> Iterator[str]:
        """Yield a line for each rule of the user that decided about no column."""
        yield from (rule.without_effect(self._tables, self._columns) for rule in self._own if rule not in self._used)

    def making(self, column: Column, kind: str) -> Make | None:
        """Return what makes of a value that was read the one that is written; None if that is the same.

        What is left out becomes empty, and what is not of the column's type becomes `UNFIT`.
        """
        make, convert = self._making(column, kind), column.family.convert
        if convert is not None:
            make = partial(_converted, convert) if make is None else _both(make, partial(_converted, convert))
        return make and lru_cache(_REMEMBERED)(make)  # most columns have few values

    def definition(self, table: str, column: Column, text: str) -> str:
        """Return a text of a column's definition, such as its default, without secrets and what is plainly personal."""
        is_secret = self._of((table,), column, column) == NEVER
        return "" if is_secret else self.label(text)

    def has_secrets(self, column: Column) -> bool:
        """Return whether a column of that name is not even read."""
        return any(rule.fits((), column) for rule in self._secrets)

    def label(self, text: str) -> str:
        """Return a label, or the value of a choice, without what is plainly personal; empty for a secret."""
        return self._pseudonyms.without_personal_data(text)

    def _of(self, lineage: Sequence[str], column: Column, there: Column) -> str:
        """Return the treatment of a column, which the instance may declare with another type."""
        if column.name in _IDENTIFYING:
            return COPY
        is_secret = any(_fits(rule, lineage, column, there) for rule in self._secrets)
        for rule in self._own:
            decides = not is_secret or rule.treatment == NEVER or rule.names(column)
            if decides and _fits(rule, lineage, column, there):
                return self._as_said(rule, lineage[0], column)
        if is_secret:
            return NEVER
        kind = self._by_default(lineage, column, there)
        return COPY if kind == DROP and self._keeps_text and column.family is Family.TEXT else kind

    def _as_said(self, rule: PseudonymRule, table: str, column: Column) -> str:
        self._used.add(rule)
        if rule.acts_on(column.family):
            return rule.treatment
        where = f"column '{table}.{column.name}' has type {column.type}"
        self.lines[f"{rule.place}: {where}, which '{rule.treatment}' cannot treat: it is left out"] = None
        return DROP

    def _by_default(self, lineage: Sequence[str], column: Column, there: Column) -> str:
        """Return the stricter treatment of the two types."""
        if column.family is Family.TEXT and there.family in _IDENTIFIERS:
            return IDENTIFIERS
        kinds = [self._packaged_kind(lineage, each) for each in (there, column)]
        if DROP in kinds:
            return DROP
        return kinds[1] if kinds[0] == COPY or column.family is not Family.TEXT else kinds[0]

    def _packaged_kind(self, lineage: Sequence[str], column: Column) -> str:
        if column.choices and column.family is Family.TEXT:
            return CHOICES
        fitting = (rule for rule in self._packaged if rule.fits(lineage, column) and rule.acts_on(column.family))
        rule = next(fitting, None)
        if rule is not None:
            return rule.treatment
        return COPY if column.family in HARMLESS else DROP

    def _making(self, column: Column, kind: str) -> Make | None:
        if column.name in _IDENTIFYING:
            return None
        if kind == CHOICES:
            return partial(self._offered, frozenset(choice.value for choice in column.choices))
        if kind == IDENTIFIERS:
            return _identifier
        return self._copying(column.family) if kind == COPY else partial(self._pseudonyms.replaced, kind)

    def _copying(self, family: Family) -> Make | None:
        """Return what keeps of a value what its family promises, and of a text what is not plainly personal."""
        if family in _IDENTIFIERS:
            return _identifier
        if family is Family.LIST:
            return lambda value: ",".join(sys_ids(value))
        return None if family in HARMLESS else self._pseudonyms.without_personal_data

    def _offered(self, choices: AbstractSet[str], value: str) -> str:
        """Return the value if it is a choice; choices, too, are without what is plainly personal."""
        if value in choices:
            return value
        made = self._pseudonyms.without_personal_data(value)
        return made if made in choices else ""


def _both(first: Make, then: Make) -> Make:
    return lambda value: then(first(value))


def _converted(convert: Convert, value: str) -> str:
    return value and (convert(value) or UNFIT)


def _declared(column: Column, type_: str) -> Column:
    return column if column.type == type_ else replace(column, type=type_)


def _fits(rule: PseudonymRule, lineage: Sequence[str], column: Column, there: Column) -> bool:
    return rule.fits(lineage, column) or (there is not column and rule.fits(lineage, there))


def _identifier(value: str) -> str:
    """Return the value if it is a sys_id, or the id of a domain; else nothing."""
    return value if _IDENTIFIER.fullmatch(value) else ""


def sys_ids(value: str) -> list[str]:
    """Return the sys_ids in a list, such as one of watchers, which may have addresses, too."""
    return [each for each in map(str.strip, value.split(",")) if is_sys_id(each)]
