"""Verbs of time."""

from privman_scenarios.kinds import SPAN
from privman_scenarios.model import Arguments
from privman_scenarios.play import Play
from privman_scenarios.spans import to_seconds
from privman_scenarios.vocabulary import Argument, Verb


def verbs() -> list[Verb]:
    """Return the verbs of the clock."""
    return [
        Verb(
            "clock.advance",
            "Let virtual time jump, running what falls due on the way.",
            advance,
            (Argument("by", SPAN, "How far, such as '50 seconds' or '16:30:00'.", required=True),),
            shorthand="by",
            needs=frozenset({"virtual time"}),
        ),
    ]


async def advance(play: Play, arguments: Arguments) -> None:
    """Let virtual time jump."""
    await play.targets.advance(to_seconds(arguments["by"]))
