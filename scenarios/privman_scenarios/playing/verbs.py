"""Every verb that a scenario may use; the one of time is here."""

from functools import cache
from typing import Annotated

from privman_scenarios.language.kinds import SPAN, to_seconds
from privman_scenarios.language.vocabulary import Arg, Verbs, Vocabulary
from privman_scenarios.playing.configuration_verbs import CONFIGURATION
from privman_scenarios.playing.console_verbs import CONSOLE
from privman_scenarios.playing.play import Play
from privman_scenarios.playing.servicenow_verbs import SERVICENOW
from privman_scenarios.playing.shared_verbs import SHARED

CLOCK = Verbs(needs=frozenset({"virtual time"}))


@CLOCK.verb(shorthand="by")
async def advance(
    play: Play, _party: str, *, by: Annotated[str, Arg(SPAN, "How far, such as '50 seconds' or '16:30:00'.")]
) -> None:
    """Let virtual time jump, running what falls due on the way."""
    await play.world.advance(to_seconds(by))


@cache
def vocabulary() -> Vocabulary:
    """Return every verb that a scenario may use."""
    consoles = (*SHARED.of("console"), *CONSOLE.of("console"), *CONFIGURATION.of("console"))
    instances = (*SHARED.of("servicenow"), *SERVICENOW.of("servicenow"))
    return Vocabulary([*consoles, *instances, *CLOCK.of("clock")])
