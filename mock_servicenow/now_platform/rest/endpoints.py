"""The endpoints of an API by path and verb, as its documentation lists them."""

from collections.abc import Callable, Collection, Mapping

from msgspec import Struct

from mock_servicenow.now_platform.errors import ApiAccessDenied, MethodNotAllowed, UnknownPath
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.call import Answer, Call, Steps
from mock_servicenow.now_platform.rest.formats import response_format
from mock_servicenow.now_platform.rest.parameters import report_ignored

Endpoint = Callable[..., Answer | Steps]
"""Answers a call in a session of its user; further arguments are the words of the path that stand for parameters."""


class Taking(Struct, frozen=True):
    """An endpoint that takes parameters of the address; those of others are findings.

    Attributes:
        names: the parameters; None if the endpoint judges them itself.
    """

    endpoint: Endpoint
    names: Collection[str] | None


Verbs = Mapping[str, Endpoint | Taking]


class Endpoints:
    """Answers calls by the endpoint that their path and verb name.

    Args:
        instance: the one that answers.
        paths: the endpoints by verb, of each path below the API's, such as ``{table}/{sys_id}/relation``. A word in
            braces is a parameter; a path with fewer of them comes first.
        check: raises PlatformError unless the user may make the call.
    """

    def __init__(
        self,
        instance: Instance,
        paths: Mapping[str, Verbs],
        check: Callable[[Call, Session], None] = lambda _call, _session: None,
    ) -> None:
        self._instance = instance
        self._check = check
        ordered = sorted(paths, key=lambda path: path.count("{"))
        self._paths = [(tuple(filter(None, path.split("/"))), paths[path]) for path in ordered]

    def answer(self, call: Call, words: tuple[str, ...]) -> Answer | Steps:
        """Answer a call whose path has these words below the API's; raises PlatformError."""
        verbs, parameters = self._found(words)
        response_format(call.headers.get("Accept", ""))
        endpoint = verbs.get("GET" if call.verb == "HEAD" else call.verb)
        if endpoint is None:
            raise MethodNotAllowed(call.verb, verbs.keys() | ({"HEAD"} if "GET" in verbs else set()))
        taking = endpoint if isinstance(endpoint, Taking) else Taking(endpoint, ())
        with self._instance.transaction(call.user, call.findings) as session:
            self._check(call, session)
            if taking.names is not None:
                report_ignored(call, call.query.keys() - set(taking.names))
            return taking.endpoint(call, session, *parameters)

    def _found(self, words: tuple[str, ...]) -> tuple[Verbs, list[str]]:
        for pattern, verbs in self._paths:
            if len(pattern) == len(words):
                pairs = list(zip(pattern, words, strict=True))
                if all(each == word or each.startswith("{") for each, word in pairs):
                    return verbs, [word for each, word in pairs if each.startswith("{")]
        raise UnknownPath


def check_role(session: Session, *roles: str) -> None:
    """Raise ApiAccessDenied unless the user holds one of the roles or is an administrator."""
    if not session.user.has_any(roles):
        raise ApiAccessDenied
