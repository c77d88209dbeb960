"""Every error of the console.

ConsoleSimError
├── ConsoleError                   an answer with an error status; its message is for the caller
│   ├── BadRequestError            400  names the key, shows its value, says what was expected
│   ├── UnauthorizedError          401  wrong credentials
│   │   └── DeadTokenError         401  the token is missing, unknown or expired
│   ├── ForbiddenError             403  the caller may not do this
│   │   ├── ApiDisabledError       403  API Enabled is off
│   │   └── NotAllowedError        403  the API user has no role that may approve
│   ├── NotFoundError              404
│   ├── MethodNotAllowedError      405
│   ├── ConflictError              409  already decided differently, or timed out
│   │   ├── ResetError             409  the console was reset before the answer
│   │   └── StaleFormError         409  a page's form shows values that changed meanwhile
│   ├── UnsupportedMediaTypeError  415
│   └── NotStoredError             500  the database failed, or memory is full; nothing was changed
├── ServiceNowError                a call to ServiceNow failed
│   ├── UnreachableError           no answer, a hibernating instance, a redirect: retried
│   ├── BusyError                  429: retried when ServiceNow says
│   ├── BrokenAnswerError          5xx, or an unusable answer: retried
│   ├── UnexpectedError            any other exception during an attempt: retried
│   ├── RefusedError               4xx: would be refused again
│   │   └── NoSuchRecordError      404
│   └── NotReadyError              nothing was sent, because something must be done first
├── StepFailedError                a step of the set-up did not succeed
├── StepSkippedError               a step of the set-up was left out on request
└── ConsoleStartError              the command cannot start
    ├── UnusableDatabaseError      the database cannot be opened
    └── UnreachableTargetError     the console to set up does not answer
"""

from collections.abc import Iterable
from typing import ClassVar

API_DISABLED = "API Enabled is off; webhooks need it on (Admin, Configuration, Advanced, API Settings)"


class ConsoleSimError(Exception):
    """The root of the tree."""


class ConsoleError(ConsoleSimError):
    """An answer with an error status.

    Attributes:
        rule: the inferred rule that gives the status of the API's answer; empty where the status is documented.
    """

    status: ClassVar[int]
    rule: str = ""

    def __init__(self, message: str, rule: str = "") -> None:
        super().__init__(message)
        self.rule = rule or self.rule

    @property
    def headers(self) -> dict[str, str]:
        """Headers that the answer must carry."""
        return {}


class BadRequestError(ConsoleError):
    """The request is not understood."""

    status = 400
    rule = "bad_request_status"


class UnauthorizedError(ConsoleError):
    """The caller is not logged on."""

    status = 401

    @property
    def headers(self) -> dict[str, str]:
        """Say how to log on."""
        return {"WWW-Authenticate": "Bearer"}


class DeadTokenError(UnauthorizedError):
    """The token is missing or no longer valid."""

    rule = "dead_token_status"


class ForbiddenError(ConsoleError):
    """The caller may not do this."""

    status = 403


class ApiDisabledError(ForbiddenError):
    """API Enabled is off."""

    rule = "api_disabled_status"

    def __init__(self) -> None:
        super().__init__(API_DISABLED)


class NotAllowedError(ForbiddenError):
    """The API user has no role that may approve."""

    rule = "not_allowed_status"


class NotFoundError(ConsoleError):
    """Nothing of that name exists."""

    status = 404


class MethodNotAllowedError(ConsoleError):
    """The address exists, for other methods."""

    status = 405
    rule = "method_not_allowed_status"

    def __init__(self, message: str, allowed: Iterable[str]) -> None:
        super().__init__(message)
        self._allowed = ", ".join(allowed)

    @property
    def headers(self) -> dict[str, str]:
        """Say which methods are allowed."""
        return {"Allow": self._allowed}


class ConflictError(ConsoleError):
    """The change came too late."""

    status = 409


class ResetError(ConflictError):
    """The console was reset while the caller waited for an answer."""

    def __init__(self) -> None:
        super().__init__("the console was reset meanwhile, so nothing of this is kept; do it again")


class StaleFormError(ConflictError):
    """A page's form shows values that changed after it was opened."""


class UnsupportedMediaTypeError(ConsoleError):
    """The Content-Type is not JSON."""

    status = 415
    rule = "unsupported_media_type_status"


class NotStoredError(ConsoleError):
    """Nothing was changed, because it cannot be kept."""

    status = 500


class ServiceNowError(ConsoleSimError):
    """A call to ServiceNow failed; the message says why.

    Attributes:
        transient: whether the same call may succeed later.
        retry_after: seconds that ServiceNow asks to wait; None when it does not ask.
        retry_in: seconds to the next attempt; None when there is none.
    """

    transient: ClassVar[bool] = False

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.retry_in: float | None = None

    @property
    def reason(self) -> str:
        """The message without the time of the next attempt, which may change."""
        return super().__str__()

    def __str__(self) -> str:
        if self.retry_in is None:
            return self.reason
        return f"{self.reason}; next attempt {_in_words(self.retry_in)} later"


def _in_words(seconds: float) -> str:
    """Return a span such as ``32 min``."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds > size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


class UnreachableError(ServiceNowError):
    """No ServiceNow answered."""

    transient = True


class BusyError(ServiceNowError):
    """A rate limit was met, so nothing was done."""

    transient = True


class BrokenAnswerError(ServiceNowError):
    """ServiceNow failed while it worked, or its answer is unusable."""

    transient = True


class UnexpectedError(ServiceNowError):
    """Any other exception during an attempt; the next one may succeed."""

    transient = True


class RefusedError(ServiceNowError):
    """ServiceNow understood the call and refused it."""


class NoSuchRecordError(RefusedError):
    """The record is gone, or hidden."""


class NotReadyError(ServiceNowError):
    """Something else must be done first."""


def failure_of(error: Exception) -> ServiceNowError:
    """Return the error itself, or an UnexpectedError that describes it."""
    if isinstance(error, ServiceNowError):
        return error
    return UnexpectedError(f"{type(error).__name__}: {' '.join(str(error).split())}")


class StepFailedError(ConsoleSimError):
    """A step of the set-up did not succeed.

    Attributes:
        reached: whether ServiceNow answered; None if the failure does not say.
    """

    def __init__(self, message: str, *, reached: bool | None = None) -> None:
        super().__init__(message)
        self.reached = reached


class StepSkippedError(ConsoleSimError):
    """A step of the set-up was left out on request."""


class ConsoleStartError(ConsoleSimError):
    """The command cannot start; the message is one line that names the reason."""


class UnusableDatabaseError(ConsoleStartError):
    """The database cannot be opened."""


class UnreachableTargetError(ConsoleStartError):
    """The console to set up does not answer."""
