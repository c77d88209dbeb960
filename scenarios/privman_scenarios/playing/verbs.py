"""Every verb that a scenario may use; those of time and of both parties are here."""

from functools import cache
from typing import Annotated

from privman_scenarios.language.kinds import SPAN, TEXT, to_seconds
from privman_scenarios.language.vocabulary import Arg, Verbs, Vocabulary
from privman_scenarios.playing.configuration_verbs import CONFIGURATION
from privman_scenarios.playing.console_verbs import CONSOLE
from privman_scenarios.playing.play import Play
from privman_scenarios.playing.record_verbs import RECORDS
from privman_scenarios.playing.servicenow_verbs import SERVICENOW
from privman_scenarios.playing.set_up_verbs import SET_UP
from privman_scenarios.playing.shared_verbs import SHARED

CLOCK = Verbs(needs=frozenset({"virtual time"}))


@CLOCK.verb(shorthand="by")
async def advance(
    play: Play, _party: str, *, by: Annotated[str, Arg(SPAN, "How far, such as '50 seconds' or '16:30:00'.")]
) -> None:
    """Let virtual time jump, running what falls due on the way."""
    await play.world.advance(to_seconds(by))


WORLD = Verbs(
    needs=frozenset(
        {
            "a console control plane",
            "a console of its own",
            "a servicenow control plane",
            "an instance of its own",
        }
    )
)


@WORLD.verb(shorthand="name", prepares=True)
async def take_snapshot(
    play: Play, _party: str, *, name: Annotated[str, Arg(TEXT, "What 'world.restore-snapshot' calls it.")]
) -> None:
    """Keep what both parties have stored under a name."""
    await play.world.take_snapshot(name)


@WORLD.verb(shorthand="name")
async def restore_snapshot(
    play: Play, _party: str, *, name: Annotated[str, Arg(TEXT, "As in 'world.take-snapshot'.")]
) -> None:
    """Return both parties to a snapshot, its time included; journals are empty then, and no fault is armed."""
    await play.leave_behind()
    await play.world.restore_snapshot(name)


@cache
def vocabulary() -> Vocabulary:
    """Return every verb that a scenario may use."""
    consoles = (*SHARED.of("console"), *CONSOLE.of("console"), *SET_UP.of("console"), *CONFIGURATION.of("console"))
    instances = (*SHARED.of("servicenow"), *SERVICENOW.of("servicenow"), *RECORDS.of("servicenow"))
    return Vocabulary([*consoles, *instances, *CLOCK.of("clock"), *WORLD.of("world")])
