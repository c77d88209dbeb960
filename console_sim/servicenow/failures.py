"""Why ServiceNow did not do what it was asked for.

ServiceNowError
├── UnreachableError      no answer, a hibernating instance, a redirect: tried again
├── BusyError             429: tried again when ServiceNow says
├── BrokenAnswerError     5xx, or an answer that cannot be used: tried again
├── UnexpectedError       whatever else went wrong in an attempt: tried again
├── CutOffError           the caller left before the attempt ended: tried again
├── NoSuchRecordError     404
├── RefusedError          another 4xx: the same would be refused again
└── NotReadyError         nothing was sent, because something must be done first
"""

from typing import ClassVar


class ServiceNowError(Exception):
    """ServiceNow did not do it; the message says why in plain words.

    Attributes:
        passing: whether the same call may succeed later.
        retry_after: seconds that ServiceNow asks to wait; None when it does not ask.
        tried_again_in: seconds to the next attempt; None when there is none.
    """

    passing: ClassVar[bool] = False

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.tried_again_in: float | None = None

    def __str__(self) -> str:
        message = super().__str__()
        if self.tried_again_in is None:
            return message
        return f"{message}; tried again in {self.tried_again_in:g} s"


class UnreachableError(ServiceNowError):
    """Whatever answered, if anything did, was no ServiceNow at work."""

    passing = True


class BusyError(ServiceNowError):
    """A rate limit was met, so nothing was done."""

    passing = True


class BrokenAnswerError(ServiceNowError):
    """It failed while it worked, or its answer cannot be used."""

    passing = True


class UnexpectedError(ServiceNowError):
    """Something went wrong that nobody foresaw; the next attempt may fare better."""

    passing = True


class CutOffError(ServiceNowError):
    """Whoever caused the attempt left before it ended."""

    passing = True


class RefusedError(ServiceNowError):
    """It understood, and will not."""


class NoSuchRecordError(RefusedError):
    """The record is gone, or hidden."""


class NotReadyError(ServiceNowError):
    """Something else must be done first."""


def failure_of(error: Exception) -> ServiceNowError:
    """Return the error itself, or what it amounts to when nobody foresaw it."""
    if isinstance(error, ServiceNowError):
        return error
    return UnexpectedError(f"{type(error).__name__}: {' '.join(str(error).split())}")
