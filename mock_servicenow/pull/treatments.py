"""What becomes of the values of each column: nothing that may be a text is copied unless a rule says so."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache, partial

from msgspec.structs import replace

from mock_servicenow.now_platform.dictionary.column_types import Convert, Family
from mock_servicenow.now_platform.dictionary.definitions import CLASS_COLUMN, SCRIPT, Column, is_name
from mock_servicenow.now_platform.dictionary.values import is_sys_id
from mock_servicenow.pull.harmless_queries import Test, is_harmless
from mock_servicenow.pull.harmless_words import KEPT, NUMBER, HarmlessWords, is_identifier
from mock_servicenow.pull.pseudonym_rules import COPY, DIGITS, DROP, HARMLESS, MEASURES, NEVER, TEXT, PseudonymRule
from mock_servicenow.pull.pseudonyms import Pseudonyms
from mock_servicenow.pull.text_screen import TextScreen

Make = Callable[[str], str]
CHOICES = "choices"
"""Only values that the column offers as choices are copied."""
KEPT_TEXT = "kept text"
"""Free text is copied."""
IDENTIFIERS = "identifiers"
"""Only sys_ids are copied: the column is a reference there, and a text here."""
NOT_READ = frozenset({NEVER, DROP, TEXT})
UNFIT = "\0"
"""Takes the place of a value that is not of its column's type, until it is reported: no database stores it."""
_REMEMBERED = 1_000
"""Values of a column whose replacements are kept."""
_PRIMARY = "sys_id"
_IDENTIFYING = frozenset({_PRIMARY, CLASS_COLUMN.name})
_QUERIES = frozenset({"conditions", "variable_conditions"})
_IDENTIFIERS = frozenset({Family.REFERENCE, Family.IDENTIFIER})


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
        self._screen = TextScreen(pseudonyms)
        self._keeps_text = keeps_text
        self._used: set[PseudonymRule] = set()
        self._tables: set[str] = set()
        self._columns: set[str] = set()
        self.lines: dict[str, None] = {}

    def of(
        self, lineage: Sequence[str], columns: Iterable[Column], declared: Mapping[str, str], shipping: Container[str]
    ) -> dict[str, str]:
        """Return the treatment of each column, by name.

        Args:
            lineage: the table and those that it extends.
            columns: as the mock has them.
            declared: their types on the instance, by name.
            shipping: names of those that ship with the mock.
        """
        found = {
            column.name: self._of(
                lineage,
                column,
                _declared(column, declared.get(column.name, column.type)),
                ships=column.name in shipping,
            )
            for column in columns
        }
        self._tables |= {*lineage}
        self._columns |= found.keys()
        return found

    def unused(self) -> Iterator[str]:
        """Yield a line for each rule of the user that decided about no column."""
        yield from (rule.without_effect(self._tables, self._columns) for rule in self._own if rule not in self._used)

    def making(self, column: Column, kind: str, words: HarmlessWords) -> Make | None:
        """Return what makes of a value that was read the one that is written; None if that is the same.

        What is left out becomes empty, and what is not of the column's type becomes `UNFIT`.
        """
        make, convert = self._making(column, kind, words), column.family.convert
        if convert is not None:
            make = partial(_converted, convert) if make is None else _both(make, partial(_converted, convert))
        is_unique = column.name == _PRIMARY or column.unique or kind == NUMBER
        return make if make is None or is_unique else lru_cache(_REMEMBERED)(make)  # most columns have few values

    def definition(self, table: str, column: Column, text: str) -> str:
        """Return a column's default without secrets and what is plainly personal."""
        if self._is_secret(table, column):
            return ""
        return self.value(text) if column.family in _IDENTIFIERS else self.label(text)

    def qualifier(self, table: str, column: Column, text: str, is_word: Test) -> str:
        """Return a column's reference qualifier, if it compares with known words and the like alone; else nothing.

        Of a script, only that it is one.
        """
        if text.startswith(SCRIPT):
            return SCRIPT
        return "" if self._is_secret(table, column) else self._query(text, is_word)

    def _is_secret(self, table: str, column: Column) -> bool:
        return self._of((table,), column, column, ships=False) == NEVER

    def _query(self, text: str, is_word: Test) -> str:
        return text if is_harmless(text, is_word, lambda name: self.has_secrets(Column(name))) else ""

    def has_secrets(self, column: Column) -> bool:
        """Return whether a column of that name is not even read."""
        return any(rule.fits((), column) for rule in self._secrets)

    def label(self, text: str) -> str:
        """Return a label without what is plainly personal; empty for a secret."""
        return self._screen.clean(text)

    def value(self, text: str, most: int = 0) -> str:
        """Return so a choice, or a value that a rule copies, of at most so many characters; a sys_id stays."""
        return text if is_identifier(text) else self._screen.clean(text, most)

    def _of(self, lineage: Sequence[str], column: Column, there: Column, *, ships: bool) -> str:
        kind = self._decided(lineage, column, there, HARMLESS | MEASURES if ships else HARMLESS)
        return KEPT_TEXT if kind == TEXT and self._keeps_text else kind

    def _decided(self, lineage: Sequence[str], column: Column, there: Column, harmless: AbstractSet[Family]) -> str:
        """Return what the rules say of a column, which the instance may declare with another type."""
        if column.name in _IDENTIFYING:
            return COPY
        is_secret = any(_fits(rule, lineage, column, there) for rule in self._secrets)
        for rule in self._own:
            decides = not is_secret or rule.treatment == NEVER or rule.names(column)
            if decides and _fits(rule, lineage, column, there):
                return self._as_said(rule, lineage[0], column)
        return NEVER if is_secret else self._by_default(lineage, column, there, harmless)

    def _as_said(self, rule: PseudonymRule, table: str, column: Column) -> str:
        self._used.add(rule)
        if rule.acts_on(column.family):
            return rule.treatment
        where = f"column '{table}.{column.name}' has type {column.type}"
        self.lines[f"{rule.place}: {where}, which '{rule.treatment}' cannot treat: it is left out"] = None
        return DROP

    def _by_default(self, lineage: Sequence[str], column: Column, there: Column, harmless: AbstractSet[Family]) -> str:
        """Return the stricter treatment of the two types."""
        if column.family is Family.TEXT and there.family in _IDENTIFIERS:
            return IDENTIFIERS
        kinds = [self._packaged_kind(lineage, each, harmless) for each in (there, column)]
        for strict in (DROP, TEXT):
            if strict in kinds:
                return strict
        return kinds[1] if kinds[0] == COPY or column.family is not Family.TEXT else kinds[0]

    def _packaged_kind(self, lineage: Sequence[str], column: Column, harmless: AbstractSet[Family]) -> str:
        if column.choices and column.family in {Family.TEXT, *MEASURES} - harmless:
            return CHOICES
        fitting = (rule for rule in self._packaged if rule.fits(lineage, column) and rule.acts_on(column.family))
        rule = next(fitting, None)
        if rule is not None:
            return rule.treatment
        return COPY if column.family in harmless else DROP

    def _making(self, column: Column, kind: str, words: HarmlessWords) -> Make | None:
        if column.name in _IDENTIFYING:
            return self._primary if column.name == _PRIMARY else _class_name
        if kind == COPY:
            return self._copying(column, words)
        replaced = partial(self._pseudonyms.replaced, "words" if kind in KEPT else kind, most=column.max_length)
        makes: Mapping[str, Make] = {
            CHOICES: partial(self._offered, frozenset(choice.value for choice in column.choices)),
            IDENTIFIERS: _identifier,
            KEPT_TEXT: partial(self._screen.prose, most=column.max_length),
        }
        return makes.get(kind) or _keeping(kind, replaced, words)

    def _copying(self, column: Column, words: HarmlessWords) -> Make | None:
        """Return what keeps of a value what its family promises, and of a text what is not plainly personal."""
        if column.reference and column.family is Family.REFERENCE:
            return self._primary
        if column.family in _IDENTIFIERS:
            return _identifier
        if column.family is Family.LIST:
            return self._listed if column.reference else lambda value: ",".join(sys_ids(value))
        if column.type in _QUERIES:
            return lambda value: self._query(value, words.is_name)
        return None if column.family in HARMLESS | MEASURES else partial(self.value, most=column.max_length)

    def _primary(self, value: str) -> str:
        return value if is_identifier(value) else self._pseudonyms.sys_id(value)

    def _listed(self, value: str) -> str:
        """Return a list of sys_ids; addresses, such as those of watchers, are left out."""
        return ",".join(self._primary(each) for each in map(str.strip, value.split(",")) if each and "@" not in each)

    def _offered(self, choices: AbstractSet[str], value: str) -> str:
        """Return the value if it is a choice; choices, too, are without what is plainly personal."""
        if value in choices:
            return value
        made = self.value(value)
        return made if made in choices else ""


def _keeping(kind: str, replaced: Make, words: HarmlessWords) -> Make:
    """Return what replaces values, but for those that a treatment copies, and for prefixes of numbers of records."""
    if kind == DIGITS:
        return lambda value: (prefix := words.prefix(value)) + replaced(value[len(prefix) :])
    if kind not in KEPT:
        return replaced
    is_kept = words.test(kind)
    return lambda value: value if is_kept(value) else replaced(value)


def _both(first: Make, then: Make) -> Make:
    return lambda value: then(first(value))


def _converted(convert: Convert, value: str) -> str:
    return value and (convert(value) or UNFIT)


def _declared(column: Column, type_: str) -> Column:
    return column if column.type == type_ else replace(column, type=type_)


def _fits(rule: PseudonymRule, lineage: Sequence[str], column: Column, there: Column) -> bool:
    return rule.fits(lineage, column) or (there is not column and rule.fits(lineage, there))


def _class_name(value: str) -> str:
    """Return what may be the name of a table; whether it is one, its rows find out."""
    return value if is_name(value) else ""


def _identifier(value: str) -> str:
    """Return the value if it is a sys_id, or the id of a domain; else nothing."""
    return value if is_identifier(value) else ""


def sys_ids(value: str) -> list[str]:
    """Return the sys_ids in a list, such as one of watchers, which may have addresses, too."""
    return [each for each in map(str.strip, value.split(",")) if is_sys_id(each)]
