"""Verbs of the console's administrator: users, credentials, webhooks, and what decides where a request goes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from privman_contracts import PartyName
from privman_scenarios.language import checks, expected_checks, known
from privman_scenarios.language.expectation import require
from privman_scenarios.language.expected_checks import present, scalar
from privman_scenarios.language.kinds import (
    CREATED_USER,
    FLAG,
    ROWS,
    SPAN,
    TEXT,
    TEXT_OR_NULL,
    TEXTS,
    suggesting,
    to_seconds,
)
from privman_scenarios.language.known import ItemKind
from privman_scenarios.language.model import Arguments
from privman_scenarios.language.vocabulary import ABSENT, Arg, Verbs, given
from privman_scenarios.playing.play import Play

A_ROLE = checks.word("role", lambda: known.CONSOLE_ROLES, "roles")
A_TEMPLATE = checks.word("template", lambda: known.TEMPLATES, "words")
AN_EVENT = checks.word("event", lambda: known.EVENTS, "events")
A_WEBHOOK = checks.rows_of(
    {
        **dict.fromkeys(("description", "credential"), scalar),
        **dict.fromkeys(("name", "type", "endpoint_url", "enabled", "last_modified", "last_modified_by"), present),
        "event": expected_checks.expected_word("event", lambda: known.EVENTS, "events"),
    }
)
Role = Annotated[str | None, Arg(TEXT_OR_NULL, "The role of the API user; null for none.", check=A_ROLE)]
Roles = Annotated[Sequence[str], Arg(TEXTS, "All roles of the API user.", check=A_ROLE)]
User = Annotated[str, Arg(TEXT, "The API user, by display name or Client Id (default: the oldest).", item="API user")]
System = Annotated[
    str, Arg(TEXT, "The foreign system, by its name before (default: the oldest).", item="foreign system")
]
ServiceNowUser = Annotated[
    str, Arg(CREATED_USER, "The user of the ServiceNow credential, made with servicenow.create-user.")
]
UseWebhook = Annotated[bool, Arg(FLAG, "Whether Use Webhook is ticked.")]
PostUri = Annotated[str, Arg(TEXT, "The Privilege Manager Post Uri.", check=checks.address)]
BaseUrl = Annotated[str, Arg(TEXT, "The Base URL.", check=checks.address)]
Description = Annotated[str, Arg(TEXT, "The description.")]
Credential = Annotated[str, Arg(TEXT, "The credential.", item="credential")]
SentCredential = Annotated[str, Arg(TEXT, "The credential that it sends.", item="credential")]
EndpointUrl = Annotated[str, Arg(TEXT, "The Endpoint URL.", check=checks.address)]
Event = Annotated[str, Arg(suggesting(TEXT, known.EVENTS), "The Webhook Event.", check=AN_EVENT)]
Enabled = Annotated[bool, Arg(FLAG, "The switch Enabled.")]
Template = Annotated[
    str, Arg(suggesting(TEXT, known.TEMPLATES), "Its template, manual or ServiceNow.", check=A_TEMPLATE)
]
Server = Annotated[
    str | None, Arg(TEXT_OR_NULL, "Its ServiceNow Server, a foreign system; null for none.", item="foreign system")
]
ProcessTimeout = Annotated[str, Arg(SPAN, "After how long the console times a request out.")]
ProcessHandler = Annotated[str, Arg(TEXT, "Its Process Handler.", item="approval process")]
PolicySpecific = Annotated[bool, Arg(FLAG, "Whether a request counts for its policy only.")]
FileSpecific = Annotated[bool, Arg(FLAG, "Whether a request counts for its file only.")]
ActionType = Annotated[
    str | None,
    Arg(TEXT_OR_NULL, "The approval type of its message action; null for no such action.", item="approval type"),
]
PolicyEnabled = Annotated[bool, Arg(FLAG, "Whether it is active.")]
# What a new thing has unless its step says otherwise.
NewHandler = Annotated[
    str, Arg(TEXT, "Its Process Handler (default: that of the default type).", item="approval process")
]
NewPolicySpecific = Annotated[
    bool, Arg(FLAG, "Whether a request counts for its policy only (default: as the default type, at first false).")
]
NewFileSpecific = Annotated[
    bool, Arg(FLAG, "Whether a request counts for its file only (default: as the default type, at first true).")
]
NewEnabled = Annotated[
    bool, Arg(FLAG, "Whether it is active (default: true; a policy made on the product's page is inactive).")
]
CONFIGURATION = Verbs(needs=frozenset({"a console control plane"}))


def named_items(arguments: Arguments, **kinds: ItemKind) -> Iterator[tuple[ItemKind, str]]:
    """Yield kind and name for each of these arguments that a step has."""
    yield from ((kind, arguments[argument]) for argument, kind in kinds.items() if arguments.get(argument))


def in_seconds(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the values, with the span of time under that key, if there is one, in seconds."""
    return {**values, **({key: to_seconds(values[key])} if key in values else {})}


@CONFIGURATION.verb()
async def reset_secret(
    play: Play,
    _party: PartyName,
    *,
    user: User = ABSENT,
    update_credential: Annotated[bool, Arg(FLAG, "Whether credentials with the old Secret get the new one.")] = ABSENT,
) -> None:
    """Reset Secret of an API user."""
    await play.post_to_console("/api-user/reset-secret", given(user=user, update_credential=update_credential))


@CONFIGURATION.verb(shorthand="api_enabled")
async def change_api_settings(
    play: Play, _party: PartyName, *, api_enabled: Annotated[bool, Arg(FLAG, "API Enabled.")]
) -> None:
    """Advanced, API Settings."""
    await play.post_to_console("/api-settings", given(api_enabled=api_enabled))


@CONFIGURATION.verb(
    makes=lambda arguments: named_items(arguments, display_name="API user", credential="credential"),
)
async def create_api_user(
    play: Play,
    _party: PartyName,
    *,
    display_name: Annotated[str, Arg(TEXT, "Its display name (default: as the product names it).")] = ABSENT,
    role: Role = ABSENT,
    roles: Roles = ABSENT,
    credential: Annotated[str, Arg(TEXT, "The credential that gets its Client Id and Secret.")],
) -> None:
    """Create an API user, and save its Client Id and Secret as a credential."""
    user = given(display_name=display_name, role=role, roles=roles, credential=credential)
    await play.post_to_console("/api-users", user)


@CONFIGURATION.verb(makes=lambda arguments: named_items(arguments, display_name="API user"))
async def change_api_user(
    play: Play,
    _party: PartyName,
    *,
    user: User = ABSENT,
    display_name: Annotated[str, Arg(TEXT, "Its new display name.")] = ABSENT,
    role: Role = ABSENT,
    roles: Roles = ABSENT,
    active: Annotated[bool, Arg(FLAG, "The switch Active.")] = ABSENT,
    locked_out: Annotated[bool, Arg(FLAG, "The switch Locked Out.")] = ABSENT,
    expires_in: Annotated[str, Arg(SPAN, "When it expires.")] = ABSENT,
) -> None:
    """Change an API user."""
    changes = given(
        user=user,
        display_name=display_name,
        role=role,
        roles=roles,
        active=active,
        locked_out=locked_out,
        expires_in=expires_in,
    )
    await play.post_to_console("/api-user", in_seconds(changes, "expires_in"))


@CONFIGURATION.verb(makes=lambda arguments: named_items(arguments, name="credential"))
async def create_credential(
    play: Play,
    _party: PartyName,
    *,
    name: Annotated[str, Arg(TEXT, "Its name.")],
    servicenow_user: ServiceNowUser,
) -> None:
    """Save a ServiceNow user's name and password of this moment as a new credential."""
    await play.post_to_console("/credentials", {"name": name, **await _login(play, servicenow_user)})


@CONFIGURATION.verb()
async def change_credential(
    play: Play, _party: PartyName, *, credential: Credential, servicenow_user: ServiceNowUser
) -> None:
    """Save a ServiceNow user's name and password of this moment in a credential."""
    await play.post_to_console("/credential", {"credential": credential, **await _login(play, servicenow_user)})


async def _login(play: Play, servicenow_user: str) -> Mapping[str, str]:
    user, password = await play.world.servicenow.console_login(servicenow_user)
    return {"account_name": user, "password": password}


@CONFIGURATION.verb(makes=lambda arguments: named_items(arguments, name="foreign system"))
async def save_foreign_system(
    play: Play,
    _party: PartyName,
    *,
    foreign_system: System = ABSENT,
    name: Annotated[str, Arg(TEXT, "Its new name.")] = ABSENT,
    description: Description = ABSENT,
    base_url: BaseUrl = ABSENT,
    credential: Annotated[str, Arg(TEXT, "The credential of the ServiceNow user.", item="credential")] = ABSENT,
    use_webhook: UseWebhook = ABSENT,
    api_credential: Annotated[
        str, Arg(TEXT, "The credential with which ServiceNow calls back.", item="credential")
    ] = ABSENT,
    post_uri: PostUri = ABSENT,
) -> None:
    """Save a foreign system, changed or not."""
    changes = given(
        foreign_system=foreign_system,
        name=name,
        description=description,
        base_url=base_url,
        credential=credential,
        use_webhook=use_webhook,
        api_credential=api_credential,
        post_uri=post_uri,
    )
    await play.post_to_console("/foreign-system", changes)


@CONFIGURATION.verb(makes=lambda arguments: named_items(arguments, name="webhook"))
async def create_webhook(
    play: Play,
    _party: PartyName,
    *,
    name: Annotated[str, Arg(TEXT, "Its name.")],
    endpoint_url: EndpointUrl,
    description: Description = ABSENT,
    credential: SentCredential = ABSENT,
    event: Event = ABSENT,
    enabled: Enabled = ABSENT,
) -> None:
    """Create a webhook by hand."""
    optional = given(description=description, credential=credential, event=event, enabled=enabled)
    await play.post_to_console("/webhooks", {"name": name, "endpoint_url": endpoint_url, **optional})


@CONFIGURATION.verb(makes=lambda arguments: named_items(arguments, name="webhook"))
async def change_webhook(
    play: Play,
    _party: PartyName,
    *,
    webhook: Annotated[str, Arg(TEXT, "The webhook, by its name before.", item="webhook")],
    name: Annotated[str, Arg(TEXT, "Its new name.")] = ABSENT,
    endpoint_url: EndpointUrl = ABSENT,
    description: Description = ABSENT,
    credential: SentCredential = ABSENT,
    event: Event = ABSENT,
    enabled: Enabled = ABSENT,
) -> None:
    """Change a webhook."""
    changes = given(
        name=name,
        endpoint_url=endpoint_url,
        description=description,
        credential=credential,
        event=event,
        enabled=enabled,
    )
    await play.post_to_console("/webhook", {"webhook": webhook, **changes})


@CONFIGURATION.verb(shorthand="webhooks")
async def expect_webhooks(
    play: Play,
    _party: PartyName,
    *,
    webhooks: Annotated[object, Arg(ROWS, "What holds for each, in order.", check=A_WEBHOOK)],
) -> None:
    """The Messaging tab lists these webhooks."""
    require(webhooks, await play.world.console.webhooks(), "webhooks")


@CONFIGURATION.verb(makes=lambda arguments: named_items(arguments, name="approval process"))
async def create_process(
    play: Play,
    _party: PartyName,
    *,
    name: Annotated[str, Arg(TEXT, "Its name.")],
    description: Description = ABSENT,
    template: Template = ABSENT,
    server: Server = ABSENT,
    timeout_: ProcessTimeout = ABSENT,
) -> None:
    """Create an approval process."""
    values = given(description=description, template=template, server=server, timeout=timeout_)
    await play.post_to_console("/approval-processes", {"name": name, **in_seconds(values, "timeout")})


@CONFIGURATION.verb()
async def change_process(
    play: Play,
    _party: PartyName,
    *,
    process: Annotated[str, Arg(TEXT, "The approval process.", item="approval process")],
    description: Description = ABSENT,
    template: Template = ABSENT,
    server: Server = ABSENT,
    timeout_: ProcessTimeout = ABSENT,
) -> None:
    """Change an approval process."""
    values = given(description=description, template=template, server=server, timeout=timeout_)
    await play.post_to_console("/approval-process", {"process": process, **in_seconds(values, "timeout")})


@CONFIGURATION.verb(makes=lambda arguments: named_items(arguments, name="approval type"))
async def create_type(
    play: Play,
    _party: PartyName,
    *,
    name: Annotated[str, Arg(TEXT, "Its name.")],
    description: Description = ABSENT,
    process: NewHandler = ABSENT,
    policy_specific: NewPolicySpecific = ABSENT,
    file_specific: NewFileSpecific = ABSENT,
) -> None:
    """Create an approval type, a duplicate of the default one."""
    values = given(
        description=description, process=process, policy_specific=policy_specific, file_specific=file_specific
    )
    await play.post_to_console("/approval-types", {"name": name, **values})


@CONFIGURATION.verb()
async def change_type(
    play: Play,
    _party: PartyName,
    *,
    approval_type: Annotated[str, Arg(TEXT, "The approval type.", item="approval type")],
    description: Description = ABSENT,
    process: ProcessHandler = ABSENT,
    policy_specific: PolicySpecific = ABSENT,
    file_specific: FileSpecific = ABSENT,
) -> None:
    """Change an approval type."""
    values = given(
        description=description, process=process, policy_specific=policy_specific, file_specific=file_specific
    )
    await play.post_to_console("/approval-type", {"approval_type": approval_type, **values})


@CONFIGURATION.verb(makes=lambda arguments: named_items(arguments, name="policy"))
async def create_policy(
    play: Play,
    _party: PartyName,
    *,
    name: Annotated[str, Arg(TEXT, "Its name.")],
    description: Description = ABSENT,
    approval_type: ActionType = ABSENT,
    enabled: NewEnabled = ABSENT,
) -> None:
    """Create a policy."""
    values = given(description=description, approval_type=approval_type, enabled=enabled)
    await play.post_to_console("/policies", {"name": name, **values})


@CONFIGURATION.verb()
async def change_policy(
    play: Play,
    _party: PartyName,
    *,
    policy: Annotated[str, Arg(TEXT, "The policy.", item="policy")],
    description: Description = ABSENT,
    approval_type: ActionType = ABSENT,
    enabled: PolicyEnabled = ABSENT,
) -> None:
    """Change a policy."""
    values = given(description=description, approval_type=approval_type, enabled=enabled)
    await play.post_to_console("/policy", {"policy": policy, **values})
