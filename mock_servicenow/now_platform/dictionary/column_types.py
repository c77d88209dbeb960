"""The platform's column types: how their values are stored, compared, converted and read.

To add a type, name it in the family whose values it has. For values of a new sort add a family: mypy then reports that
`records/display.py` lacks it, and docs/explanation/changing-it.md lists the other places.
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import Literal, NamedTuple

from mock_servicenow.now_platform.dictionary import values

JOURNAL_LIST = "journal_list"
"""A journal that shows the entries of all the others."""
Storage = Literal["integer", "number", "text"]
Convert = Callable[[str], str | None]


class CompareAs(Enum):
    """The ways to compare values: texts ignore case."""

    TEXT = auto()
    IDENTIFIER = auto()
    NUMBER = auto()
    BOOLEAN = auto()
    DATE = auto()
    DATE_TIME = auto()


class _FamilyRow(NamedTuple):
    """A family of types.

    Attributes:
        types: the names of its types; `Family.TEXT` also has every type that no family names.
        noun: names one value in messages.
        compare_as: how its values compare.
        storage: how the database keeps them. Date-times and durations are text in UTC form, so that they sort;
            booleans are ``true`` and ``false``.
        convert: returns the stored form of a client's raw value, which is not empty; None for an invalid one. Without
            it every text is valid as it is.
        concealed: whether clients never read a raw value.
        control: the sort of field that a form has for it.
    """

    types: tuple[str, ...]
    noun: str
    compare_as: CompareAs = CompareAs.TEXT
    storage: Storage = "text"
    convert: Convert | None = None
    concealed: bool = False
    control: str = "text"


class Family(Enum):
    """The families of column types; see `_FamilyRow` for their attributes."""

    TEXT = _FamilyRow(("string",), "text")
    BOOLEAN = _FamilyRow(("boolean",), "boolean", CompareAs.BOOLEAN, convert=values.boolean, control="checkbox")
    INTEGER = _FamilyRow(
        ("integer", "longint", "order_index"), "whole number", CompareAs.NUMBER, "integer", values.integer
    )
    DECIMAL = _FamilyRow(("decimal", "float"), "number", CompareAs.NUMBER, "number", values.decimal)
    DATE = _FamilyRow(("glide_date",), "date", CompareAs.DATE, convert=values.date)
    DATE_TIME = _FamilyRow(
        ("glide_date_time", "due_date"), "date and time", CompareAs.DATE_TIME, convert=values.date_time
    )
    DURATION = _FamilyRow(
        ("glide_duration",), "duration", CompareAs.DATE_TIME, convert=values.parse_duration, control="duration"
    )
    CURRENCY = _FamilyRow(("currency", "price"), "amount of money")
    REFERENCE = _FamilyRow(("reference", "domain_id"), "reference", CompareAs.IDENTIFIER)
    IDENTIFIER = _FamilyRow(("GUID", "document_id"), "identifier", CompareAs.IDENTIFIER)
    CLASS = _FamilyRow(("sys_class_name",), "class", CompareAs.IDENTIFIER)
    LIST = _FamilyRow(("glide_list",), "list")
    PAIRS = _FamilyRow(("name_values",), "name-value pairs", convert=values.name_values, control="pairs")
    JOURNAL = _FamilyRow(("journal_input", "journal", JOURNAL_LIST), "journal entry", concealed=True, control="journal")
    PASSWORD = _FamilyRow(("password", "password2"), "password", concealed=True, control="password")

    __hash__ = object.__hash__  # faster than Enum's, and a member is equal only to itself

    def __init__(  # noqa: PLR0913, PLR0917 - a row
        self,
        types: tuple[str, ...],
        noun: str,
        compare_as: CompareAs,
        storage: Storage,
        convert: Convert | None,
        concealed: bool,  # noqa: FBT001
        control: str,
    ) -> None:
        self.types = types
        self.noun = noun
        self.compare_as = compare_as
        self.storage = storage
        self.convert = convert
        self.concealed = concealed
        self.control = control


FAMILIES = {name: family for family in Family for name in family.types}
"""The family of each type; that of another type is `Family.TEXT`."""
_TEXTS = (
    *("audio", "auto_increment", "bootstrap_color", "catalog_preview", "char", "choice", "color", "color_display"),
    *("composite_field", "composite_name", "compressed", "condition_string", "conditions", "counter", "css"),
    *("currency2", "data_array", "data_object", "data_structure", "date", "datetime", "day_of_week", "days_of_week"),
    *("documentation_field", "domain_path", "email", "email_script", "expression", "external_names", "field_list"),
    *("field_name", "geo_point", "glide_action_list", "glide_encrypted", "glide_precise_time", "glide_time"),
    *("glide_utc_time", "glide_var", "glyphicon", "graphql_schema", "html", "html_script", "html_template", "icon"),
    *("image", "index_name", "insert_timestamp", "int", "integer_date", "integer_time", "internal_type", "ip_addr"),
    *("ip_address", "json", "json_translations", "language", "long", "long_integer_string"),
    *("mask_code", "metric_absolute", "metric_counter", "metric_derive", "metric_gauge", "mid_config"),
    *("month_of_year", "multi_small", "multi_two_lines", "nds_icon", "nl_task_int1", "percent_complete", "ph_number"),
    *("phone_number", "phone_number_e164", "physical_address", "placement", "properties", "radio", "records"),
    *("related_tags", "reminder_field_name", "repeat_count", "repeat_type", "replication_payload"),
    *("schedule_date_time", "script", "script_client", "script_plain", "script_server", "short_field_name"),
    *("short_table_name", "simple_name_values", "slushbucket", "snapshot_template_value", "source_id", "source_name"),
    *("source_table", "string_boolean", "string_full_utf8", "sys_class_code", "sys_class_path", "sysevent_name"),
    *("sysrule_field_name", "table_name", "template_value", "time", "timer", "translated", "translated_field"),
    *("translated_html", "translated_text", "tree_code", "tree_path", "two_line_text", "ui_action_list", "url"),
    *("user_image", "user_input", "user_roles", "variable_conditions", "variable_template_value", "variables"),
    *("version", "video", "wide_text", "wiki_text", "wms_job", "workflow", "workflow_conditions", "xml"),
)
"""Further types of the platform, whose values are texts here (I)."""
TYPES = tuple(sorted({*FAMILIES, *_TEXTS}))
"""Every type of the platform."""
MEANT = {"date": "glide_date", "datetime": "glide_date_time", "int": "integer", "long": "longint"}
"""Types whose values are texts, whatever their names promise, and what is meant by whoever names one in a file."""
NAMED_TYPES = tuple(each for each in TYPES if each not in MEANT)
"""Every type that a file of tables may name."""
