"""The errors of now_platform: three roots.

PlatformError: the client sees it; each has its HTTP status and the two texts of the envelope
    BadRequest 400
        InvalidTable, InvalidQuery, UnknownPath, UnreadableBody, PayloadTooLarge
    NotAuthenticated 401
        MfaTokenInvalid
    Forbidden 403
        OperationFailed
            AccessDenied, ViewIsReadOnly, AbortedByRule, MandatoryFieldMissing, UniqueKeyViolation
        ApiAccessDenied, QueryForbidden
    RecordNotFound 404
    MethodNotAllowed 405
    RequestTimeout 408
    NotAcceptable 406
    UnsupportedMediaType 415
    UriTooLong 414
    RateLimitExceeded 429
    ExecutionFailed 500
    NotSupported 501
    TransactionCancelled, SoapError 500
    DatabaseUnavailable 500: TablesChanged
SetupError: an instance cannot start; the message is one line for the user
    DictionaryError, StoreError, ReleaseError, StartError
Signal: caught inside the platform, never seen by a client
    DuplicateError, OverrunError, NotAsideError, GrantError, RuleAbort, RuleAnswer
    JoinConditionError: a where clause of a database view cannot be read
    UnusableTermError, UnusableValueError, RefusedScriptError: a query's term has no effect, and becomes a finding
        UnknownColumnError, UnreadableTermError: BarredTermError
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from privman_core.cuts import cut
from privman_core.inputs import escape_controls

REQUEST_MEDIA_TYPES = ("application/json", "application/xml", "text/xml")


class PlatformError(Exception):
    """An error that the client sees.

    Args:
        message: the envelope's ``message``.
        detail: the envelope's ``detail``; None becomes JSON null.
        headers: extra headers of the answer.

    Attributes:
        why: which rule refuses, and what is lacking, for whoever tests; no client sees it. Empty if the envelope says
            everything.
    """

    status = 500
    why = ""

    def __init__(self, message: str, detail: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message if detail is None else f"{message}: {detail}")
        self.message = message
        self.detail = detail
        self.headers = headers or {}

    def because(self, why: str) -> Self:
        """Add which rule refuses, and what is lacking; return the error."""
        self.why = why
        return self


_LONGEST_SETUP_ERROR = 2_000


class SetupError(Exception):
    """Raised where an instance cannot start with its files, its database or its settings.

    The message is one line of bounded length, whatever the files hold.
    """

    def __init__(self, message: str) -> None:
        super().__init__(cut(escape_controls(message), _LONGEST_SETUP_ERROR))


class Signal(Exception):  # noqa: N818 - it tells a caller what happened, and is no failure by itself
    """Raised by one part of the platform and caught by another."""


class GrantError(Signal):
    """Raised where a request for a token is refused; the message, without secrets, becomes a finding."""


class BadRequest(PlatformError):  # noqa: N818 - named after the HTTP status
    """The request cannot be understood."""

    status = 400


class InvalidTable(BadRequest):
    """The URL names a table that does not exist."""

    def __init__(self, table: str) -> None:
        super().__init__(f"Invalid table {table}")


class InvalidQuery(BadRequest):
    """A query that selects records to change or delete has a part without effect; nothing was changed (inferred).

    Args:
        part: the part, and why it has no effect.
    """

    def __init__(self, part: str) -> None:
        super().__init__("Invalid query", part)


class NotSupported(PlatformError):  # noqa: N818 - named after what it says
    """An instance answers that, and the mock does not."""

    status = 501

    def __init__(self, detail: str) -> None:
        super().__init__("Not supported", detail)


class UnknownPath(BadRequest):
    """No API answers at this path."""

    def __init__(self) -> None:
        super().__init__("Requested URI does not represent any resource")


class UnreadableBody(BadRequest):
    """The body does not match its Content-Type."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(
            "Exception while reading request",
            detail or "Verify Request body and Content-type headers. Not able to parse request",
        )


class PayloadTooLarge(UnreadableBody):
    """The body is longer than the platform reads."""

    def __init__(self, length: int, most: int) -> None:
        super().__init__(
            f"Rejected large REST payload with content-length = {length} bytes. Max allowed: {most} bytes."
        )


class NotAuthenticated(PlatformError):  # noqa: N818 - named after the HTTP status
    """Credentials are missing or invalid."""

    status = 401

    def __init__(self, message: str) -> None:
        super().__init__(message, "Required to provide Auth information")


class MfaTokenInvalid(NotAuthenticated):
    """The password is correct, but a second factor is missing."""


class Forbidden(PlatformError):  # noqa: N818 - named after the HTTP status
    """The user may not do this."""

    status = 403


class ApiAccessDenied(Forbidden):
    """The REST APIs do not open the table to this user, or to any."""

    def __init__(self) -> None:
        super().__init__("User Not Authorized", "Failed API level ACL Validation")


class QueryForbidden(Forbidden):
    """A query names columns that the user may not read."""

    def __init__(self) -> None:
        super().__init__(
            "Insufficient rights to query records",
            "Field(s) present in the query do not have permission to be read",
        )


class OperationFailed(Forbidden):
    """A write was refused."""

    def __init__(self, detail: str) -> None:
        super().__init__("Operation Failed", detail)


class AccessDenied(OperationFailed):
    """An access control list forbids a write.

    Args:
        operation: ``Insert``, ``Update`` or ``Delete``.
    """

    def __init__(self, operation: str) -> None:
        super().__init__(f"ACL Exception {operation} Failed due to security constraints")


class ViewIsReadOnly(OperationFailed):
    """A write to a database view, which nobody may write (KB0534905; the words are inferred)."""

    def __init__(self, view: str) -> None:
        super().__init__(f"'{view}' is a database view: its records cannot be written")


class AbortedByRule(OperationFailed):
    """A business rule aborted the write.

    Attributes:
        rule: its name.
        reason: the rule's own; it does not reach a client of the APIs.
    """

    def __init__(self, table: str, rule: str, rule_id: str, stack: Sequence[str], reason: str) -> None:
        super().__init__(
            f"Operation against file '{table}' was aborted by Business Rule '{rule}^{rule_id}'. "
            f"Business Rule Stack:{','.join(stack)}"
        )
        self.rule = rule
        self.reason = reason
        self.why = f"business rule '{rule}' on {table}: {reason}"


class MandatoryFieldMissing(OperationFailed):
    """A data policy demands values that are empty."""

    def __init__(self, labels: Sequence[str]) -> None:
        super().__init__(f"Data Policy Exception: The following fields are mandatory: {', '.join(labels)}")


class UniqueKeyViolation(OperationFailed):
    """Another record has the same value in a unique column."""

    def __init__(self, value: str, key: str) -> None:
        super().__init__(f"Unique Key violation detected by database (Duplicate entry '{value}' for key '{key}')")


class RecordNotFound(PlatformError):  # noqa: N818 - named after the HTTP status
    """There is no such record, or the user may not see it: the platform does not reveal which."""

    status = 404

    def __init__(self, detail: str = "Record doesn't exist or ACL restricts the record retrieval") -> None:
        super().__init__("No Record found", detail)


class MethodNotAllowed(PlatformError):  # noqa: N818 - named after the HTTP status
    """The resource does not offer this verb; the header ``Allow`` lists those ``offered``."""

    status = 405

    def __init__(self, method: str, offered: Iterable[str]) -> None:
        allow = {"Allow": ", ".join(sorted(offered))}
        super().__init__("Method not supported", f"The resource does not offer {method}", allow)


class NotAcceptable(PlatformError):  # noqa: N818 - named after the HTTP status
    """The client accepts none of the media types that the resource can produce."""

    status = 406

    def __init__(self, accept: str) -> None:
        super().__init__(
            "Not acceptable",
            f"Accept is {accept}; supported response media types are: [application/json, application/xml, text/xml]",
        )


class RequestTimeout(PlatformError):  # noqa: N818 - named after the HTTP status
    """The body took too long to arrive."""

    status = 408

    def __init__(self) -> None:
        super().__init__("Request Timeout", "The request's body did not arrive in time")


class UnsupportedMediaType(PlatformError):  # noqa: N818 - named after the HTTP status
    """The resource does not read the body's media type."""

    status = 415

    def __init__(self) -> None:
        super().__init__(
            "Invalid content-type. Supported request media types for this service are: "
            f"[{', '.join(REQUEST_MEDIA_TYPES)}]"
        )


class UriTooLong(PlatformError):  # noqa: N818 - named after the HTTP status
    """The URL is too long for the platform; answered with a page of HTML."""

    status = 414

    def __init__(self, length: int) -> None:
        super().__init__("Request-URI Too Long", f"{length} characters")


class RateLimitExceeded(PlatformError):  # noqa: N818 - named after its message
    """The user has used up the hourly requests of an API that a rule allows."""

    status = 429

    def __init__(self, limit: int, api: str) -> None:
        super().__init__("Rate limit exceeded", f"Rate limit of {limit} requests per hour for {api} exceeded")


class ExecutionFailed(PlatformError):  # noqa: N818 - named after its message
    """A script of the platform failed on what it was given (Docs: cmdb-instance-api)."""

    def __init__(self) -> None:
        super().__init__(
            "Exception while executing request: null",
            "Exception while executing request: null Check logs for error trace or enable glide.rest.debug property to "
            "verify REST request processing",
        )


class SoapError(PlatformError):
    """A SOAP message cannot be read, or its operation fails; it becomes a fault of a message."""


class TransactionCancelled(PlatformError):  # noqa: N818 - named after its message
    """The instance ended the work before it was done."""

    status = 500

    def __init__(self) -> None:
        super().__init__(
            "Transaction cancelled: maximum execution time exceeded",
            "Transaction cancelled: Check logs for error trace",
        )


class DatabaseUnavailable(PlatformError):  # noqa: N818 - named after its message
    """The database is gone, locked, full or read-only (inferred).

    Attributes:
        reason: the driver's message, for the log; the client does not get it.
    """

    status = 500

    def __init__(self, reason: str) -> None:
        super().__init__("Database unavailable", "The operation was not carried out; try again later")
        self.reason = reason


class TablesChanged(DatabaseUnavailable):
    """A shared database has other tables than those with which the work began; nothing of it was stored."""
