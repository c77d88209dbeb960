"""ServiceNow's types of columns, in families by what their values are."""

from collections.abc import Mapping

TEXT = "text"
"""The family of any other type."""
# By what `WireName.holds` calls their values.
_FAMILIES: Mapping[str, str] = {
    "boolean": "flag",
    **dict.fromkeys(("integer", "longint", "order_index", "decimal", "float"), "number"),
    **dict.fromkeys(("glide_duration", "timer"), "duration"),
    **dict.fromkeys(("glide_date", "glide_date_time", "due_date", "glide_time"), "moment"),
    **dict.fromkeys(("reference", "glide_list", "domain_id"), "reference"),
    **dict.fromkeys(("name_values", "simple_name_values", "json"), "json"),
}


def family_of(type_: str) -> str:
    """Return the family of a type."""
    return _FAMILIES.get(type_, TEXT)
