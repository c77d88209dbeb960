"""What the console refuses, by the status of the answer.

ConsoleError
├── BadRequestError            400  names the key, shows its value, says what was expected
├── UnauthorizedError          401  wrong credentials
│   └── DeadTokenError         401  the token is missing or no longer valid
├── ForbiddenError             403  whoever is logged on may not do this
│   ├── ApiDisabledError       403
│   └── NotAllowedError        403  no role that may approve
├── NotFoundError              404
├── MethodNotAllowedError      405
├── ConflictError              409  it was decided otherwise, or has ended
├── UnsupportedMediaTypeError  415
└── StoreError                 500  the database failed, or memory is full; nothing was changed
"""

from collections.abc import Iterable

API_DISABLED = "API Enabled is off; webhooks need it on (Admin, Configuration, Advanced, API Settings)"


class ConsoleError(Exception):
    """A refusal; its message is for the caller's eyes.

    Attributes:
        rule: the inferred rule that gives the status of the API's answer; empty where the status is documented.
    """

    status: int
    rule: str = ""

    def __init__(self, message: str, rule: str = "") -> None:
        super().__init__(message)
        self.rule = rule or self.rule

    @property
    def headers(self) -> dict[str, str]:
        """Headers that the answer must carry."""
        return {}


class BadRequestError(ConsoleError):
    """The request cannot be understood."""

    status = 400
    rule = "bad_request_status"


class UnauthorizedError(ConsoleError):
    """Nobody is logged on."""

    status = 401

    @property
    def headers(self) -> dict[str, str]:
        """Say how to log on."""
        return {"WWW-Authenticate": "Bearer"}


class DeadTokenError(UnauthorizedError):
    """The token is missing or no longer valid."""

    rule = "dead_token_status"


class ForbiddenError(ConsoleError):
    """Whoever is logged on may not do this."""

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
    """There is no such thing."""

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
    """It cannot be done any more."""

    status = 409


class UnsupportedMediaTypeError(ConsoleError):
    """The body is not JSON by its own account."""

    status = 415
    rule = "unsupported_media_type_status"


class StoreError(ConsoleError):
    """Nothing was changed, because it cannot be kept."""

    status = 500


class UnusableDatabaseError(Exception):
    """A database that cannot be opened; the message is one line that names it."""
