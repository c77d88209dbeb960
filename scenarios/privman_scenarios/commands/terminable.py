"""An end that is asked for from outside."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

# Asked for by whoever manages processes, and by a terminal that is closed.
_ENDINGS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the work as Ctrl-C does: what it made elsewhere is deleted, what has run is reported.

    The KeyboardInterrupt says so then: whoever reads the exit code of an interrupted run may have pressed nothing.
    """
    ended: list[str] = []

    def end(number: int, _frame: object) -> None:
        ended[:] = [f"by {signal.Signals(number).name}"]
        signal.raise_signal(signal.SIGINT)

    # A shell lets what it starts in the background ignore Ctrl-C, and then nothing would handle it.
    before = {signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler)}
    # nohup lets its command go on when the terminal is closed.
    handled = [each for each in _ENDINGS if signal.getsignal(each) is not signal.SIG_IGN]
    before.update((each, signal.signal(each, end)) for each in handled)
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(*ended) from None
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
