"""The operators of encoded queries and how they are spelled."""

from enum import Enum


class Operator(Enum):
    """What a condition does with its value; the spellings are platform 2.2."""

    EQUALS = ("=",)
    NOT_EQUALS = ("!=",)
    LESS = ("<",)
    LESS_OR_EQUALS = ("<=",)
    GREATER = (">",)
    GREATER_OR_EQUALS = (">=",)
    CONTAINS = ("LIKE", "CONTAINS", "*")
    NOT_CONTAINS = ("NOT LIKE", "NOTLIKE", "DOES NOT CONTAIN", "!*")
    STARTS_WITH = ("STARTSWITH",)
    ENDS_WITH = ("ENDSWITH", "%")
    IN = ("IN",)
    NOT_IN = ("NOT IN",)
    EMPTY = ("ISEMPTY", "EMPTY", "EMPTYSTRING")
    NOT_EMPTY = ("ISNOTEMPTY", "NOTEMPTY")
    ANYTHING = ("ANYTHING",)
    BETWEEN = ("BETWEEN",)
    SAME_AS = ("SAMEAS",)
    NOT_SAME_AS = ("NSAMEAS",)
    GREATER_FIELD = ("GT_FIELD",)
    LESS_FIELD = ("LT_FIELD",)
    GREATER_OR_EQUALS_FIELD = ("GT_OR_EQUALS_FIELD",)
    LESS_OR_EQUALS_FIELD = ("LT_OR_EQUALS_FIELD", "LE_OR_EQUALS_FIELD")
    ON = ("ON",)
    NOT_ON = ("NOTON",)
    DATE_PART = ("DATEPART",)
    RELATIVE_GREATER = ("RELATIVEGT",)
    RELATIVE_LESS = ("RELATIVELT",)
    RELATIVE_GREATER_OR_EQUALS = ("RELATIVEGE",)
    RELATIVE_LESS_OR_EQUALS = ("RELATIVELE",)
    RELATIVE_EQUALS = ("RELATIVEEE",)
    MORE_THAN = ("MORETHAN",)
    LESS_THAN = ("LESSTHAN",)
    DYNAMIC = ("DYNAMIC",)
    IN_HIERARCHY = ("IN_HIERARCHY",)
    IN_HIERARCHY_DYNAMIC = ("IN_HIERARCHY_DYNAMIC",)
    INSTANCE_OF = ("INSTANCEOF",)
    CHANGES = ("VALCHANGES",)
    CHANGES_FROM = ("CHANGESFROM",)
    CHANGES_TO = ("CHANGESTO",)
    # The platform knows these, but asks them of tags, of dynamic schemas or of nothing a source names.
    FOREIGN = (
        "DOESNOTHAVE",
        "EXCLUDING",
        "MATCH_PAT",
        "MATCH_RGX",
        "MATCHES",
        "NOT_MATCHES",
        "IS_NULL",
        "IS_NOT_NULL",
    )


BY_SPELLING = {spelling: operator for operator in Operator for spelling in operator.value}

# Tests that compute with dates, which takes many constants.
COMPUTED = frozenset(
    {Operator.SAME_AS, Operator.NOT_SAME_AS, Operator.MORE_THAN, Operator.LESS_THAN, Operator.DATE_PART}
)

NEGATIVE = frozenset({Operator.NOT_EQUALS, Operator.NOT_IN, Operator.NOT_CONTAINS})
