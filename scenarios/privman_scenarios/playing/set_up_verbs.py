"""Verbs of the console's set-up."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from privman_contracts import PartyName
from privman_scenarios.errors import ExpectationError
from privman_scenarios.language import checks, expected_checks, known, request_checks
from privman_scenarios.language.checks import Flaw
from privman_scenarios.language.expectation import require
from privman_scenarios.language.expected_checks import present
from privman_scenarios.language.kinds import (
    ANYTHING,
    EXPECTED_VALUES,
    FLAG,
    SPAN,
    TEXT,
    VALUES,
)
from privman_scenarios.language.known import ITEMS, ItemKind
from privman_scenarios.language.model import Arguments, Own
from privman_scenarios.language.variables import saves_set_up
from privman_scenarios.language.vocabulary import ABSENT, Arg, Verbs, given
from privman_scenarios.playing.configuration_verbs import (
    A_WEBHOOK,
    BaseUrl,
    PostUri,
    Role,
    Roles,
    ServiceNowUser,
    System,
    UseWebhook,
    in_seconds,
    named_items,
)
from privman_scenarios.playing.play import Play
from privman_scenarios.playing.product_facts import set_up_defaults, set_up_steps

A_STATUS = expected_checks.expected_word("status of a step", lambda: known.SET_UP_STATUSES)
STATUSES_OF_STEPS = checks.rows_of(dict.fromkeys(set_up_steps(), A_STATUS))
DETAILS = checks.rows_of(dict.fromkeys(set_up_steps(), present))

SET_UP = Verbs(needs=frozenset({"a console control plane"}))


def made_by_set_up(arguments: Arguments) -> Iterator[tuple[ItemKind, str]]:
    """Yield the things that a set-up makes, by kind and name."""
    named = {**set_up_defaults(), **arguments}
    name = named["name"]
    yield "foreign system", name
    yield "credential", f"{name} webhook"
    yield "credential", f"{name} user"
    yield "webhook", f"New Webhook for {name} setting"
    yield "approval process", f"{name} Approval Process"
    yield "policy", f"{named['policy']} ({name})"
    yield "approval type", f"{name} {ITEMS['approval type'][0]}"
    yield from named_items(named, policy="policy", approval_type="approval type", api_user="API user")


def _edited(value: Mapping[str, Any], _arguments: Arguments, own: Own) -> Iterator[Flaw]:
    """Find unknown columns of an activity type, and unknown words in them."""
    return request_checks.sent_columns(value, {"table": "activity_type"}, own)


@SET_UP.verb(
    prepares=True,
    saves=saves_set_up,
    makes=made_by_set_up,
    may_make=lambda arguments: named_items(
        arguments, name="foreign system", api_user="API user", approval_type="approval type", policy="policy"
    ),
    bare_needs=frozenset({"a console that is set up"}),
)
async def set_up(
    play: Play,
    _party: PartyName,
    *,
    name: Annotated[str, Arg(TEXT, "The foreign system's name, made if there is none.")] = ABSENT,
    as_: Annotated[
        str, Arg(TEXT, "A name under which '${name.instance_id}' and '${name.activity_type_id}' are kept.")
    ] = "",
    api_enabled: Annotated[bool, Arg(FLAG, "Advanced, API Settings, API Enabled.")] = ABSENT,
    api_user: Annotated[
        str,
        Arg(
            TEXT, "The API user, by display name or Client Id, created if there is none (default: one for each system)."
        ),
    ] = ABSENT,
    role: Role = ABSENT,
    roles: Roles = ABSENT,
    use_webhook: UseWebhook = ABSENT,
    servicenow_url: BaseUrl = ABSENT,
    servicenow_user: ServiceNowUser = ABSENT,
    post_uri: PostUri = ABSENT,
    process_timeout: Annotated[
        str, Arg(SPAN, "After how long the approval process times out (default: 20 minutes).")
    ] = ABSENT,
    approval_type: Annotated[
        str, Arg(TEXT, "The approval type that uses the process, created if there is none (default: the default one).")
    ] = ABSENT,
    policy: Annotated[
        str,
        Arg(TEXT, f"The policy that uses the type, created if there is none (default: {set_up_defaults()['policy']})."),
    ] = ABSENT,
    activity_type: Annotated[
        Mapping[str, Any],
        Arg(VALUES, "Columns of its activity type that an administrator then edits in ServiceNow.", check=_edited),
    ] = ABSENT,
) -> None:
    """Run the documented set-up steps."""
    options = given(
        name=name,
        api_enabled=api_enabled,
        api_user=api_user,
        role=role,
        roles=roles,
        use_webhook=use_webhook,
        servicenow_url=servicenow_url,
        servicenow_user=servicenow_user,
        post_uri=post_uri,
        approval_type=approval_type,
        policy=policy,
        process_timeout=process_timeout,
    )
    await play.set_up(in_seconds(options, "process_timeout"), as_)
    if activity_type:
        await play.edit_activity_type(activity_type)


@SET_UP.verb(excuses=True, one_beside=())
async def expect_set_up(
    play: Play,
    _party: PartyName,
    *,
    steps: Annotated[
        Mapping[str, Any], Arg(EXPECTED_VALUES, "The status of steps, by their names.", check=STATUSES_OF_STEPS)
    ] = ABSENT,
    details: Annotated[
        Mapping[str, Any],
        Arg(EXPECTED_VALUES, "What holds for the details of steps, by their names.", check=DETAILS),
    ] = ABSENT,
    webhook: Annotated[object, Arg(ANYTHING, "What holds for the webhook.", check=A_WEBHOOK)] = ABSENT,
) -> None:
    """The set-up before ended like this."""
    outcome = play.last_set_up()
    found = {step["step"]: step for step in outcome["steps"]}
    failed = [name for name, step in found.items() if step["status"] == "failed"]
    if failed and not {*(steps or ()), *(details or ())} & set(failed):
        raise ExpectationError("a failed step to be named under 'steps' or 'details'", f"{', '.join(failed)} failed")
    require(steps or {}, {name: step["status"] for name, step in found.items()}, "steps")
    require(details or {}, {name: step["detail"] for name, step in found.items()}, "details")
    if webhook is not ABSENT:
        require(webhook, outcome.get("webhook"), "webhook")


@SET_UP.verb(needs=frozenset({"an instance of its own"}))
async def create_request_items(play: Play, _party: PartyName, *, foreign_system: System = ABSENT) -> None:
    """Run the task that prepares ServiceNow for the SOAP integration."""
    await play.post_to_console("/request-items", given(foreign_system=foreign_system))
    failure = play.last_answer("console").json["failure"]
    if failure:
        raise ExpectationError("the task to succeed", str(failure))
