"""Interrupts of work, as commands run it."""

import asyncio
import signal

import pytest

from privman_core import interrupts


def test_an_interrupt_once_the_work_has_ended() -> None:
    """While its loop still tidies up there is nothing to cancel; the interrupt is not forgotten."""

    async def tidy_up() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            signal.raise_signal(signal.SIGINT)

    async def work() -> asyncio.Task[None]:
        background = asyncio.create_task(tidy_up())
        await asyncio.sleep(0)
        return background

    with pytest.raises(KeyboardInterrupt), interrupts.terminable("command"):
        interrupts.run(work())


def test_what_else_python_ignores_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Only an interrupt is kept from the terminal."""

    class Failing:
        def __del__(self) -> None:
            raise ValueError("a defect")

    with interrupts.terminable("command"):
        Failing()
    assert "ValueError: a defect" in capsys.readouterr().err
