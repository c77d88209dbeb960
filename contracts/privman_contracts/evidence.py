"""How well each part of a contract is known."""

from typing import Literal, get_args

Evidence = Literal["S", "D", "P", "C", "I"]

MEANING: dict[Evidence, str] = {
    "S": "said by the vendor's page on the webhook",
    "D": "said by the documentation around it",
    "P": "read off a screenshot printed in the documentation",
    "C": "seen in a third party's working client",
    "I": "inferred; nobody documents it",
}
MARKS: tuple[Evidence, ...] = get_args(Evidence)
