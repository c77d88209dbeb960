"""Wish lists, order guides and requests for others (Docs: c_ServiceCatalogAPI, delegated-request-exp)."""

import pytest

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.provisioning.provisioning import ADMIN_ID
from privman_core.journal import Journal

from .catalog import EMAIL, IPAD, NOBODY, ONE, PRODUCER, Client, Create, got, refused, rows

GUIDE = "6690750f4f7b4200086eeed18110c761"
DENIED = (400, "Security constraints prevent ordering of Item")
Names = list[str]


def names(items: list[dict[str, str]]) -> Names:
    """Return the names of items."""
    return [item["name"] for item in items]


# Wish lists


async def test_wish_list_keeps_items_until_they_are_ordered(user: Client) -> None:
    """Without the values of mandatory variables; adding an item again changes its line."""
    assert (await got(user, "wishlist"))["items"] == []
    added = await got(user, f"items/{EMAIL}/add_to_wishlist", "POST", {})
    [line] = added["items"]
    assert (line["item_name"], line["quantity"], line["delivery_time"]) == ("New Email Account", "1", "1 Day")
    again = {"sysparm_quantity": "2", "variables": {"new_email": "a@example.com"}}
    [changed] = (await got(user, f"items/{EMAIL}/add_to_wishlist", "POST", again))["items"]
    assert (changed["cart_item_id"], changed["quantity"]) == (line["cart_item_id"], "2")
    assert changed["variables"] == {"What would be the new email ID?": "a@example.com"}
    assert await got(user, f"wishlist/{line['cart_item_id']}") == changed
    listed = await got(user, "wishlist")
    assert (listed["cart_id"], listed["items"][0]["created_by"]) == (added["cart_id"], "plain")


async def test_wish_list_is_not_the_cart(user: Client) -> None:
    """What is in one is not in the other, and only the cart is checked out."""
    wished = await got(user, f"items/{IPAD}/add_to_wishlist", "POST", ONE)
    assert "none" not in await got(user, "cart")
    assert (await refused(user, "cart/checkout", "POST"))[0] == 400
    [line] = wished["items"]
    assert (await refused(user, f"cart/{line['cart_item_id']}", "DELETE"))[0] == 400
    added = await got(user, f"items/{IPAD}/add_to_cart", "POST", ONE)
    assert added["cart_id"] != wished["cart_id"]
    assert (await refused(user, f"wishlist/{added['items'][0]['cart_item_id']}"))[0] == 404


async def test_wish_lists_are_private(user: Client, client: Client, create: Create) -> None:
    """Others' lines get 404, as unknown ones do, even from an administrator, and nobody plants one."""
    [line] = (await got(user, f"items/{IPAD}/add_to_wishlist", "POST", ONE))["items"]
    assert (await refused(client, f"wishlist/{line['cart_item_id']}"))[0] == 404
    assert (await refused(user, f"wishlist/{NOBODY}"))[0] == 404
    other = create("sys_user", user_name="other")
    planted = {"user": other, "name": "saved_items"}
    assert (await user.post("/api/now/table/sc_cart", json=planted)).status == 403


async def test_what_cannot_be_wished(user: Client, create: Create) -> None:
    """Record producers can; order guides, inactive and unknown items cannot, nor a quantity that is none."""
    [line] = (await got(user, f"items/{PRODUCER}/add_to_wishlist", "POST", {}))["items"]
    assert line["item_name"] == "Create Incident"
    for item in (GUIDE, NOBODY, create("sc_cat_item", name="Old", active="false")):
        assert await refused(user, f"items/{item}/add_to_wishlist", "POST", ONE) == DENIED
    wrong = {"sysparm_quantity": "many"}
    assert await refused(user, f"items/{IPAD}/add_to_wishlist", "POST", wrong) == (400, "Invalid quantity value")


# Order guides


async def test_guide_shows_the_items_that_its_rules_choose(user: Client) -> None:
    """By the values of its variables, or else their defaults."""
    chosen = await got(user, f"items/{GUIDE}/submit_guide", "PUT", {})
    assert names(chosen) == ["Standard Laptop", "New Email Account"]
    laptop = chosen[0]
    assert (laptop["quantity"], laptop["order"], laptop["show_quantity"]) == ("1", "100", False)
    without = {"variables": {"laptop": "false"}}
    assert names(await got(user, f"items/{GUIDE}/submit_guide", "PUT", without)) == ["New Email Account"]


@pytest.mark.parametrize(
    ("condition", "given", "found"),
    [
        ("IO:{size}=big^EQ", "big", 1),
        ("IO:{size}=big^EQ", "small", 0),
        ("IO:{size}!=big^ORIO:{color}=red^EQ", "big", 1),
        ("IO:{size}=big^IO:{color}!=red^EQ", "big", 0),
        ("IO:{size}=none^NQIO:{size}STARTSWITHb^EQ", "big", 1),
        ("IO:{size}INbig,small", "small", 1),
        ("IO:{size}ISEMPTY^EQ", "", 1),
        ("IO:{size}>3", "10", 0),
        ("", "big", 1),
    ],
)
async def test_rules_compare_values_of_variables(
    user: Client, create: Create, condition: str, given: str, found: int
) -> None:
    """As encoded queries compare texts; the color is always red."""
    guide = create("sc_cat_item_guide", name="Guide")
    size, color = (create("item_option_new", cat_item=guide, name=name) for name in ("size", "color"))
    create("sc_cat_item_guide_items", guide=guide, item=IPAD, condition=condition.format(size=size, color=color))
    body = {"variables": {"size": given, "color": "red"}}
    assert len(await got(user, f"items/{guide}/submit_guide", "PUT", body)) == found


@pytest.mark.parametrize("condition", ["size=big", f"IO:{NOBODY}=big", "IO:x=big", "IO:{size}SAMEASx", "nonsense"])
async def test_conditions_that_ask_for_no_variable_are_findings(
    user: Client, create: Create, journal: Journal, condition: str
) -> None:
    """And are not met."""
    guide = create("sc_cat_item_guide", name="Guide")
    size = create("item_option_new", cat_item=guide, name="size")
    create("sc_cat_item_guide_items", guide=guide, item=IPAD, condition=condition.format(size=size))
    assert await got(user, f"items/{guide}/submit_guide", "PUT", {}) == []
    [finding] = [each for _, each in journal.findings()]
    assert finding.rule == "condition-not-evaluated"
    assert condition.format(size=size) in finding.message


async def test_terms_of_conditions_are_bounded(user: Client, create: Create, journal: Journal) -> None:
    """Two hundred different ones; what is known already counts once."""
    guide = create("sc_cat_item_guide", name="Guide")
    size = create("item_option_new", cat_item=guide, name="size")
    for rule in range(4):
        terms = (f"IO:{size}={number}" for number in range(max(0, rule - 1) * 70, max(1, rule) * 70))
        create("sc_cat_item_guide_items", guide=guide, item=IPAD, condition="^OR".join(terms))
    assert await got(user, f"items/{guide}/submit_guide", "PUT", {"variables": {"size": "209"}}) == []
    messages = [finding.message for _, finding in journal.findings()]
    assert messages == [f"'IO:{size}=200' in a rule of a guide is one more than 200 terms: not met"]
    assert len(await got(user, f"items/{guide}/submit_guide", "PUT", {"variables": {"size": "199"}})) == 1


@pytest.mark.parametrize(("cascade", "shown"), [("true", "pink"), ("false", "")])
async def test_values_cascade_to_variables_of_the_same_name(
    user: Client, create: Create, cascade: str, shown: str
) -> None:
    """If the guide says so."""
    guide, item = create("sc_cat_item_guide", name="Guide", cascade=cascade), create("sc_cat_item", name="Item")
    for owner in (guide, item):
        create("item_option_new", cat_item=owner, name="color")
    create("sc_cat_item_guide_items", guide=guide, item=item)
    body = {"variables": {"color": "pink"}}
    [chosen] = await got(user, f"items/{guide}/submit_guide", "PUT", body)
    assert chosen["variables"][0]["value"] == shown


async def test_guide_leaves_out_what_cannot_be_ordered(user: Client, create: Create) -> None:
    """Inactive items, and those that the user may not read; guides of that kind are refused themselves."""
    guide = create("sc_cat_item_guide", name="Guide")
    old, hidden = create("sc_cat_item", name="Old", active="false"), create("sc_cat_item", name="Hidden")
    create("sys_security_acl", name="sc_cat_item", operation="read", condition="name!=Hidden")
    for item in (old, hidden, IPAD):
        create("sc_cat_item_guide_items", guide=guide, item=item)
    assert names(await got(user, f"items/{guide}/submit_guide", "PUT", {})) == ["Apple iPad 3"]
    inactive = create("sc_cat_item_guide", name="Old guide", active="false")
    for each in (inactive, IPAD, NOBODY):
        assert await refused(user, f"items/{each}/submit_guide", "PUT", {}) == DENIED
    create("item_option_new", cat_item=guide, name="why", mandatory="true")
    assert await refused(user, f"items/{guide}/submit_guide", "PUT", {}) == (400, "Mandatory Variables are required")


ITEMS = {"items": [{"sys_id": IPAD, "sysparm_quantity": "2"}, {"sys_id": EMAIL, "variables": {"new_email": "a@b.c"}}]}


async def test_items_of_a_guide_go_into_the_cart(user: Client, client: Client) -> None:
    """Which keeps what it had; the requested items name their guide."""
    laptop = (await got(user, "items?sysparm_text=laptop"))[0]["sys_id"]
    await got(user, f"items/{laptop}/add_to_cart", "POST", ONE)
    cart = await got(user, f"items/{GUIDE}/checkout_guide", "POST", ITEMS)
    assert [(line["item_name"], line["order_guide"]) for line in cart["none"]["items"]] == [
        ("Apple iPad 3", GUIDE),
        ("New Email Account", GUIDE),
    ]
    assert (cart["yearly"]["items"][0]["order_guide"], cart["yearly"]["subtotal_recurring_frequency"]) == (
        "",
        "Annually",
    )
    ordered = await got(user, "cart/submit_order", "POST")
    items = await rows(client, "sc_req_item", f"request={ordered['request_id']}^order_guideISNOTEMPTY")
    assert [item["order_guide"] for item in items] == [GUIDE, GUIDE]


async def test_two_step_guide_orders_at_once(user: Client, client: Client, create: Create) -> None:
    """And leaves the cart alone."""
    guide = create("sc_cat_item_guide", name="Guide", two_step="true")
    await got(user, f"items/{IPAD}/add_to_cart", "POST", ONE)
    ordered = await got(user, f"items/{guide}/checkout_guide", "POST", ITEMS)
    [request] = await rows(client, "sc_request", f"number={ordered['request_number']}")
    assert (request["sys_id"], request["price"]) == (ordered["request_id"], "USD;1200.00")
    items = await rows(client, "sc_req_item", f"request={request['sys_id']}^ORDERBYcat_item")
    assert [(item["cat_item"], item["quantity"]) for item in items] == [(IPAD, "2"), (EMAIL, "1")]
    assert len((await got(user, "cart"))["none"]["items"]) == 1


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([{"sys_id": NOBODY}], "Security constraints prevent ordering of Item"),
        ([{}], "Security constraints prevent ordering of Item"),
        ([{"sys_id": IPAD}, {"sys_id": EMAIL}], "Mandatory Variables are required"),
        ([{"sys_id": IPAD, "sysparm_quantity": "-1"}], "Invalid quantity value"),
        ([], "Invalid items"),
        ("x", "Invalid items"),
        ([{"sys_id": IPAD}, "x"], "Invalid items"),
        ([{"sys_id": IPAD}] * 51, "Invalid items"),
    ],
)
async def test_checkout_of_a_guide_is_refused_as_a_whole(user: Client, items: object, message: str) -> None:
    """Nothing of it is in the cart."""
    assert await refused(user, f"items/{GUIDE}/checkout_guide", "POST", {"items": items}) == (400, message)
    assert "none" not in await got(user, "cart")


# Requests for others


@pytest.fixture
def for_others(create: Create) -> str:
    """An item with a variable Requested For, for several users."""
    item = create("sc_cat_item", name="Badge")
    create("item_option_new", cat_item=item, name="who", type="31", mandatory="true", enable_also_request_for="true")
    return item


@pytest.fixture
def people(create: Create) -> list[str]:
    """Three users; the last one is inactive."""
    return [
        create("sys_user", user_name=f"user{number}", first_name="User", last_name=f"{number}", active=active)
        for number, active in enumerate(("true", "true", "false"))
    ]


async def may_get(client: Client, item: str, user: str) -> bool:
    """Return whether an item may be requested for a user."""
    return bool((await got(client, f"items/{item}/delegation/{user}"))["result"])


async def test_who_may_get_an_item(user: Client, client: Client, create: Create, people: list[str]) -> None:
    """Who may read it; of a delegated one everybody whom the caller may read; of an inactive one nobody."""
    one, two, inactive = people
    open_to_all, secret = create("sc_cat_item", name="Open"), create("sc_cat_item", name="Secret", owner=ADMIN_ID)
    delegated = create("sc_cat_item", name="Secret", owner=ADMIN_ID, access_type="delegated")
    own = "name!=Secret^ORowner=javascript:gs.getUserID()"
    create("sys_security_acl", name="sc_cat_item", operation="read", condition=own)
    assert [await may_get(user, open_to_all, each) for each in (one, inactive, NOBODY)] == [True, False, False]
    assert [await may_get(client, secret, each) for each in (one, inactive)] == [False, False]
    assert [await may_get(client, delegated, each) for each in (two, inactive, NOBODY)] == [True, True, False]
    assert not await may_get(user, delegated, one)
    assert not await may_get(user, create("sc_cat_item", name="Old", active="false"), one)
    assert not await may_get(user, NOBODY, one)


async def test_item_is_ordered_for_several_users(
    user: Client, client: Client, for_others: str, people: list[str]
) -> None:
    """One requested item each, of one request for the caller; in the cart one line each."""
    one, two, _ = people
    body = {**ONE, "sysparm_also_request_for": f"{one},{two},{one}"}
    ordered = await got(user, f"items/{for_others}/order_now", "POST", body)
    [request] = await rows(client, "sc_request", f"sys_id={ordered['sys_id']}")
    items = await rows(client, "sc_req_item", f"request={request['sys_id']}")
    assert {item["requested_for"] for item in items} == {request["requested_for"], one, two}
    added = await got(user, f"items/{for_others}/add_to_cart", "POST", body)
    assert len(added["items"]) == 3
    ordered = await got(user, "cart/checkout", "POST")
    items = await rows(client, "sc_req_item", f"request={ordered['request_id']}")
    assert {item["requested_for"] for item in items} == {request["requested_for"], one, two}


async def test_item_is_ordered_for_the_user_whom_its_variable_names(
    user: Client, client: Client, for_others: str, people: list[str]
) -> None:
    """Or the parameter, or else for the caller; an explicitly empty value is mandatory."""
    for body, receiver in (
        ({"variables": {"who": people[0]}}, people[0]),
        ({"sysparm_requested_for": people[1]}, people[1]),
    ):
        ordered = await got(user, f"items/{for_others}/order_now", "POST", {**ONE, **body})
        [item] = await rows(client, "sc_req_item", f"request={ordered['request_id']}")
        assert item["requested_for"] == receiver
    nobody = {**ONE, "variables": {"who": ""}}
    assert (await refused(user, f"items/{for_others}/order_now", "POST", nobody))[
        1
    ] == "Mandatory Variables are required"


async def test_values_of_an_order_are_bounded(
    user: Client, instance: Instance, create: Create, for_others: str
) -> None:
    """A thousand, however many users get them; nothing is ordered."""
    with instance.transaction(instance.system) as session:
        variables = ({"sys_id": f"{number:032}", "cat_item": for_others, "name": f"v{number}"} for number in range(199))
        session.store_rows("item_option_new", variables)
    others = ",".join(create("sys_user", user_name=f"other{number}") for number in range(5))
    body = {**ONE, "sysparm_also_request_for": others}
    for action in ("order_now", "add_to_cart"):
        assert await refused(user, f"items/{for_others}/{action}", "POST", body) == (400, "Cart is full")
    assert [await rows(user, table, "") for table in ("sc_item_option", "sc_cart_item")] == [[], []]


@pytest.mark.parametrize("action", ["order_now", "add_to_cart"])
async def test_orders_for_several_users_are_refused(
    user: Client, create: Create, for_others: str, people: list[str], action: str
) -> None:
    """For more than 50, for one who may not get it, by the variable's settings, and without that variable."""

    async def message(item: str, others: list[str]) -> str:
        body = {**ONE, "sysparm_also_request_for": ",".join(others)}
        status, text = await refused(user, f"items/{item}/{action}", "POST", body)
        assert status == 400
        return text

    assert await message(for_others, [f"{number:032}" for number in range(51)]) == "Invalid sysparm_also_request_for"
    assert await message(for_others, people) == DENIED[1]
    assert "not configured with Requested For" in await message(IPAD, people[:1])
    for settings in ({}, {"enable_also_request_for": "true", "roles_to_use_also_request_for": "itil"}):
        closed = create("sc_cat_item", name="Closed")
        create("item_option_new", cat_item=closed, name="who", type="31", **settings)
        assert await message(closed, people[:1]) == "Invalid sysparm_also_request_for"


async def test_line_for_a_user_who_may_not_get_it_is_not_ordered(
    user: Client, for_others: str, people: list[str]
) -> None:
    """Whichever API wrote the line."""
    added = await got(user, f"items/{for_others}/add_to_cart", "POST", ONE)
    line = added["items"][0]["cart_item_id"]
    [option] = await rows(user, "sc_item_option", f"cart_item={line}")
    changed = await user.patch(f"/api/now/table/sc_item_option/{option['sys_id']}", json={"value": people[2]})
    assert changed.status == 200
    assert await refused(user, "cart/submit_order", "POST") == DENIED


async def test_users_for_whom_an_item_may_not_be_requested(user: Client, for_others: str, people: list[str]) -> None:
    """By name; the documented refusal for an item that is not for several."""
    path, body = "get_invalid_delegated_users", {"sysparm_also_request_for": ",".join([*people, NOBODY])}
    found = await got(user, f"items/{for_others}/{path}", "POST", body)
    assert found == {"invalidUsers": ["User 2", NOBODY]}
    denied = await got(user, f"items/{IPAD}/{path}", "POST", body, 400)
    assert denied == {
        "errCode": "42202",
        "errMsg": "This item cannot be submitted for multiple people as it is not configured with Requested For",
    }
    assert await refused(user, f"items/{NOBODY}/{path}", "POST", body) == DENIED


async def test_guide_offers_what_its_receiver_may_get(
    user: Client, create: Create, for_others: str, people: list[str]
) -> None:
    """And passes the receiver on, whether values cascade or not, whatever the variable is called."""
    guide = create("sc_cat_item_guide", name="Guide")
    create("item_option_new", cat_item=guide, name="new_hire", type="31")
    create("sc_cat_item_guide_items", guide=guide, item=for_others)
    [chosen] = await got(user, f"items/{guide}/submit_guide", "PUT", {"variables": {"new_hire": people[0]}})
    assert chosen["variables"][0]["value"] == people[0]
    assert await got(user, f"items/{guide}/submit_guide", "PUT", {"variables": {"new_hire": people[2]}}) == []
