"""What the console refuses, by the status of the answer.

ConsoleError
├── BadRequestError            400  names the key, shows its value, says what was expected
├── UnauthorizedError          401  no token, or a dead one
├── ForbiddenError             403  the API is off, or the user may not
├── NotFoundError              404
├── MethodNotAllowedError      405
├── ConflictError              409  it was decided otherwise, or has ended
├── UnsupportedMediaTypeError  415
└── StoreError                 500  the database failed, or memory is full; nothing was changed
"""

from collections.abc import Iterable

API_DISABLED = "API Enabled is off; webhooks need it on (Admin, Configuration, Advanced, API Settings)"


class ConsoleError(Exception):
    """A refusal; its message is for the caller's eyes."""

    status: int

    @property
    def headers(self) -> dict[str, str]:
        """Headers that the answer must carry."""
        return {}


class BadRequestError(ConsoleError):
    """The request cannot be understood."""

    status = 400


class UnauthorizedError(ConsoleError):
    """Nobody is logged on."""

    status = 401

    @property
    def headers(self) -> dict[str, str]:
        """Say how to log on."""
        return {"WWW-Authenticate": "Bearer"}


class ForbiddenError(ConsoleError):
    """Whoever is logged on may not do this."""

    status = 403


class NotFoundError(ConsoleError):
    """There is no such thing."""

    status = 404


class MethodNotAllowedError(ConsoleError):
    """The address exists, for other methods."""

    status = 405

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


class StoreError(ConsoleError):
    """Nothing was changed, because it cannot be kept."""

    status = 500


class UnusableDatabaseError(Exception):
    """A database that cannot be opened; the message is one line that names it."""
