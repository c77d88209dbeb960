"""One mutant at work: which messages it has met, and what it makes of them."""

from typing import Any

from privman_scenarios.mutants import json_path
from privman_scenarios.mutants.changes import changes
from privman_scenarios.mutants.message import Message
from privman_scenarios.mutants.mutant import Mutant


class Tampering:
    """Changes the messages that a mutant touches, in one world, in front of one party."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._changes = changes()
        self._met = 0
        self._kept: dict[str, Any] = {}

    def __call__(self, message: Message) -> Message:
        """Return what arrives instead."""
        if message.side == "request":
            self._keep(message)
        if not self._mutant.touches.fits(message):
            return message
        self._met += 1
        return self._changed(message) if self._is_turn() else message

    def _is_turn(self) -> bool:
        touches = self._mutant.touches
        turn = self._met - touches.skip
        return turn > 0 and (touches.times is None or turn <= touches.times)

    def _changed(self, message: Message) -> Message:
        for name, argument in self._mutant.change.items():
            message = self._changes[name](message, argument)
        if self._kept:
            message = self._changes["set"](message, self._kept)
        return message

    def _keep(self, request: Message) -> None:
        """Remember what a later answer is to show."""
        for shown, path in self._mutant.reveal.items():
            for value in json_path.find(request.json, path):
                self._kept[shown] = value


def untouched(message: Message) -> Message:
    """Let everything pass."""
    return message
