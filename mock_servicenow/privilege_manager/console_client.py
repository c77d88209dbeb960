"""Calls to the console: a token, then the decision."""

import json
from collections.abc import Callable, Mapping

import orjson
from msgspec import Struct

from mock_servicenow.privilege_manager.registrations import Configuration
from mock_servicenow.privilege_manager.wire_formats import json_object, write_json
from privman_contracts.wire_names import WireNames
from privman_core.cuts import cut
from privman_core.exchange import Exchange
from privman_core.masking import Secrets
from privman_core.outbound import NO_PURPOSE, HttpAnswer, HttpCaller, NoAnswerError, Purpose

# The default of the property glide.http.timeout
SECONDS_PER_CALL = 175
LONGEST_TOKEN = 64 * 1024
"""Characters; a longer token is ignored, because servers refuse such headers."""
Began = Callable[[Exchange], None]
_JSON = {"Content-Type": "application/json", "Accept": "application/json"}
_OK = 200
_NO_ANSWER = 0
_SUCCESS = range(200, 300)
_LONGEST_REFUSAL = 1_000  # characters that are kept


class DeliveryOutcome(Struct, frozen=True):
    """The outcome of one attempt.

    Attributes:
        status: of the last answer; 0 if there was none.
        refusal: why it is not delivered in spite of a status of success; empty otherwise.
        token: whether that was the answer to the token call, so that the decision was not sent.
        reason: why there was no token, or no answer; empty otherwise.
        answered: status of the answer to the decision before that token call; 0 if the decision was not sent.
    """

    status: int
    refusal: str = ""
    token: bool = False
    reason: str = ""
    answered: int = 0


class ConsoleClient:
    """Delivers decisions to consoles, with one cached token for each registration.

    Tokens are in memory only: after a restart the first delivery requests a new one.
    """

    def __init__(self, caller: HttpCaller, names: WireNames, secrets: Secrets) -> None:
        self._caller = caller
        self._key = names.group("keys.token")
        self._secrets = secrets
        self._renewed = names.statuses("token_renewed_statuses")
        self._renewals = names.number("token_renewals")
        self._envelopes = _Envelopes(names)
        self._tokens: dict[tuple[str, str, str], str] = {}

    async def deliver(
        self,
        configuration: Configuration,
        decision: Mapping[str, str],
        purpose: Purpose = NO_PURPOSE,
        began: Began = lambda _exchange: None,
    ) -> DeliveryOutcome:
        """Make one attempt; the ``purpose`` is that of each of its calls, and ``began`` gets the exchange of each.

        A refused token is renewed and the decision sent again at once, as often as the rule ``token_renewals`` allows.
        If the console gives no token, the status is that of the token request.
        """
        key = (configuration.token_url, configuration.username, configuration.password)
        outcome = DeliveryOutcome(_NO_ANSWER)
        try:
            for _ in range(1 + self._renewals):
                token = self._tokens.get(key) or await self._request_token(configuration, purpose, began)
                self._tokens[key] = token
                headers = {**_JSON, "Authorization": f"Bearer {token}"}
                answer = await self._post(configuration.endpoint_url, headers, decision, purpose, began)
                outcome = DeliveryOutcome(answer.status, self._envelopes.refusal(answer))
                if outcome.refusal:
                    answer.reject(outcome.refusal)
                if answer.status not in self._renewed:
                    break
                if self._tokens.get(key) == token:  # unless another delivery has renewed it meanwhile
                    self._secrets.retire(self._tokens.pop(key))
        except _NoTokenError as error:
            return DeliveryOutcome(error.status, token=True, reason=str(error), answered=outcome.status)
        except NoAnswerError as error:
            return DeliveryOutcome(_NO_ANSWER, reason=str(error))
        return outcome

    def forget_tokens(self) -> None:
        """Drop every cached token."""
        for token in self._tokens.values():
            self._secrets.retire(token)
        self._tokens.clear()

    async def _request_token(self, configuration: Configuration, purpose: Purpose, began: Began) -> str:
        body = {
            self._key["UserName"]: configuration.username,
            self._key["Password"]: configuration.password,
        }
        try:
            answer = await self._post(configuration.token_url, _JSON, body, purpose, began, answers_secret=True)
        except NoAnswerError as error:
            raise _NoTokenError(_NO_ANSWER, str(error)) from None
        if answer.status != _OK:
            raise _NoTokenError(answer.status, f"the token call was answered with {answer.status}")
        token = _json_string(answer.body)
        if not token:
            reason = "the token call was answered with 200, but without a usable token"
            answer.reject(reason)
            raise _NoTokenError(_NO_ANSWER, reason)
        self._secrets.add_chosen(token)
        return token

    async def _post(  # noqa: PLR0913 - what a request is made of
        self,
        url: str,
        headers: dict[str, str],
        body: Mapping[str, str],
        purpose: Purpose,
        began: Began,
        *,
        answers_secret: bool = False,
    ) -> HttpAnswer:
        data = orjson.dumps(body)
        return await self._caller.send(
            "POST", url, headers, data, SECONDS_PER_CALL, answers_secret=answers_secret, began=began, purpose=purpose
        )


class _Envelopes:
    """Finds refusals in answers of success."""

    def __init__(self, names: WireNames) -> None:
        self._status, self._messages = names.key("envelope", "Status"), names.key("envelope", "Messages")
        self._error = names.word("envelope_status", "error")
        self._counts = names.choice("error_envelope_delivery") == "failed"

    def refusal(self, answer: HttpAnswer) -> str:
        """Return what the console says where its envelope counts as a refusal; empty where it does not."""
        if not self._counts or answer.status not in _SUCCESS:
            return ""
        envelope = json_object(answer.body.decode(errors="replace"))
        if envelope is None or envelope.get(self._status) != self._error:
            return ""
        said = cut(write_json(envelope.get(self._messages)), _LONGEST_REFUSAL)
        return f"the console answered {answer.status} with {self._status} {self._error!r}, {self._messages} {said}"


class _NoTokenError(Exception):
    """The console gave no token; ``status`` is that of its answer, 0 if there was none or it was unusable."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def _json_string(body: bytes) -> str:
    try:
        token = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    # A header cannot contain a line break.
    return token if isinstance(token, str) and len(token) <= LONGEST_TOKEN and token.isprintable() else ""
