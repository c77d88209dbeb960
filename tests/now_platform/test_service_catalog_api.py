"""The Service Catalog API: catalogs, categories, items, cart and orders (Docs: c_ServiceCatalogAPI)."""

from collections.abc import Callable

import pytest

from mock_servicenow.now_platform.instance import Instance
from privman_core.journal import Journal

from .catalog import (
    API,
    EMAIL,
    HARDWARE,
    IPAD,
    NOBODY,
    ONE,
    PRODUCER,
    SERVICE,
    TABLETS,
    TECHNICAL,
    Client,
    Create,
    got,
    refused,
    rows,
)


async def test_catalogs_are_listed_and_found_by_their_titles(user: Client) -> None:
    """With what they hold; a text is searched in the titles, whatever syntax it contains."""
    listed = await got(user, "catalogs")
    assert [catalog["title"] for catalog in listed] == ["Service Catalog", "Technical Catalog"]
    assert listed[1] == {
        "title": "Technical Catalog",
        "sys_id": TECHNICAL,
        "has_categories": True,
        "has_items": True,
        "description": "Products and services for the IT department",
        "desktop_image": "",
    }
    assert [each["sys_id"] for each in await got(user, "catalogs?sysparm_text=tech")] == [TECHNICAL]
    assert await got(user, "catalogs?sysparm_text=x^ORtitle=Service Catalog") == []
    assert len(await got(user, "catalogs?sysparm_limit=1&sysparm_offset=1")) == 1


async def test_catalog_shows_its_top_categories(user: Client) -> None:
    """An unknown one gets 400, as documented."""
    catalog = await got(user, f"catalogs/{SERVICE}")
    assert [each["title"] for each in catalog["categories"]] == ["Can We Help You?", "Hardware", "Office"]
    assert catalog["categories"][1] == {
        "header_image": "",
        "sys_id": HARDWARE,
        "description": "Order from a variety of hardware",
        "title": "Hardware",
    }
    assert (await refused(user, f"catalogs/{NOBODY}"))[0] == 400


async def test_categories_count_items_and_list_what_is_below(user: Client) -> None:
    """Of a catalog all, or those at the top; of a category its children."""
    categories = await got(user, f"catalogs/{SERVICE}/categories")
    assert [each["title"] for each in categories] == ["Can We Help You?", "Hardware", "Office", "Tablets"]
    assert categories[1]["subcategories"] == [{"sys_id": TABLETS, "title": "Tablets"}]
    assert (categories[1]["count"], categories[1]["full_description"]) == (1, None)
    top = await got(user, f"catalogs/{SERVICE}/categories?sysparm_top_level_only=true&sysparm_limit=2")
    assert [each["title"] for each in top] == ["Can We Help You?", "Hardware"]
    assert await got(user, f"categories/{TABLETS}") | {"child_categories": []} == await got(
        user, f"categories/{TABLETS}"
    )
    [child] = (await got(user, f"categories/{HARDWARE}"))["child_categories"]
    assert child == {
        "sys_id": TABLETS,
        "title": "Tablets",
        "count": 1,
        "parent": HARDWARE,
        "subcategories": [],
        "isParentCategory": False,
    }


@pytest.mark.long
@pytest.mark.parametrize(
    ("query", "names"),
    [
        (
            f"sysparm_catalog={SERVICE}",
            ["Apple iPad 3", "Create Incident", "New Email Account", "New Employee Hire", "Standard Laptop"],
        ),
        (f"sysparm_catalog={TECHNICAL}", ["Virtual Server"]),
        (f"sysparm_category={TABLETS}", ["Apple iPad 3"]),
        ("sysparm_category=x^ORactive=true", []),
        ("sysparm_text=Ipad", ["Apple iPad 3"]),
        ("sysparm_text=%22email new%22", ["New Email Account"]),
        ("sysparm_text=x^ORactive=true", []),
        ("sysparm_type=Record Producer", ["Create Incident"]),
        ("sysparm_type=Order Guide", ["New Employee Hire"]),
        ("sysparm_type=other&sysparm_limit=1&sysparm_offset=2", ["Create Incident"]),
    ],
)
async def test_items_are_filtered(user: Client, query: str, names: list[str]) -> None:
    """By catalog, category, text and type; any other type is ignored."""
    assert [item["name"] for item in await got(user, f"items?{query}")] == names


async def test_items_show_prices_unless_they_are_omitted(user: Client) -> None:
    """And their catalogs and category by title."""
    by_name = {item["name"]: item for item in await got(user, "items")}
    laptop, email, producer = (by_name[name] for name in ("Standard Laptop", "New Email Account", "Create Incident"))
    assert (laptop["price"], laptop["localized_recurring_price"]) == ("$1,100.00", "$100.00")
    assert (laptop["recurring_frequency"], laptop["local_currency"]) == ("Annually", "USD")
    assert laptop["catalogs"] == [{"sys_id": SERVICE, "title": "Service Catalog"}]
    assert laptop["category"] == {"sys_id": HARDWARE, "title": "Hardware"}
    assert (email["show_price"], "price" in email, email["type"]) == (False, False, "catalog_item")
    assert (producer["type"], producer["sys_class_name"]) == ("record_producer", "sc_cat_item_producer")


async def test_item_shows_where_it_stands_and_its_variables(user: Client, create: Create) -> None:
    """The category with the one above, and each variable with its choices."""
    ipad = await got(user, f"items/{IPAD}")
    [placed] = ipad["categories"]
    assert (placed["title"], placed["category"]["title"], ipad["variables"]) == ("Hardware", "Tablets", [])
    [email] = (await got(user, f"items/{EMAIL}"))["variables"]
    assert (email["name"], email["mandatory"], email["friendly_type"]) == ("new_email", True, "single_line_text")
    [server] = await got(user, f"items?sysparm_catalog={TECHNICAL}")
    [system] = (await got(user, f"items/{server['sys_id']}"))["variables"]
    assert system["choices"] == [{"label": "Linux", "value": "linux"}, {"label": "Windows", "value": "windows"}]
    assert (system["value"], system["displayvalue"], system["type"]) == ("linux", "Linux", 5)
    [laptop] = await got(user, "items?sysparm_text=laptop&sysparm_category=" + HARDWARE)
    ticked, _ = (await got(user, f"items/{laptop['sys_id']}"))["variables"]
    assert (ticked["value"], ticked["displayvalue"], ticked["display_type"]) == (False, "false", "CheckBox")
    [known] = await rows(user, "item_option_new", f"name=acrobat^cat_item={laptop['sys_id']}")
    assert (ticked["id"], ticked["name"]) == (known["sys_id"], "acrobat")
    homeless = create("sc_cat_item", name="Homeless")
    assert (await got(user, f"items/{homeless}"))["categories"] == []
    top = create("sc_cat_item", name="Top", category=HARDWARE)
    assert (await got(user, f"items/{top}"))["categories"][0]["title"] == "Hardware"
    assert (await refused(user, f"items/{NOBODY}"))[0] == 400


async def test_order_becomes_request_item_task_and_values(user: Client, client: Client) -> None:
    """One requested item with the values of its variables, and one task."""
    body = {**ONE, "sysparm_requested_for": "abraham.lincoln", "variables": {"new_email": "a@example.com", "bunk": "x"}}
    ordered = await got(user, f"items/{EMAIL}/order_now", "POST", body)
    assert ordered["number"] == ordered["request_number"]
    assert ordered["number"].startswith("REQ")
    assert (ordered["sys_id"], ordered["table"]) == (ordered["request_id"], "sc_request")
    [request] = await rows(client, "sc_request", f"sys_id={ordered['sys_id']}")
    assert (request["request_state"], request["approval"]) == ("in_process", "approved")
    [item] = await rows(client, "sc_req_item", f"request={request['sys_id']}")
    assert (item["cat_item"], item["quantity"], item["stage"]) == (EMAIL, "1", "fulfillment")
    [lincoln] = await rows(client, "sys_user", "user_name=abraham.lincoln")
    assert item["requested_for"] == request["requested_for"] == lincoln["sys_id"]
    [task] = await rows(client, "sc_task", f"request_item={item['sys_id']}")
    assert (task["request"], task["parent"]) == (request["sys_id"], item["sys_id"])
    [owned] = await rows(client, "sc_item_option_mtom", f"request_item={item['sys_id']}")
    [value] = await rows(client, "sc_item_option", f"sys_id={owned['sc_item_option']}")
    assert value["value"] == "a@example.com"


async def test_submitted_request_is_in_process(client: Client, create: Create) -> None:
    """By the answer to the write that submits it."""
    request = create("sc_request", request_state="draft")
    answer = await client.patch(f"/api/now/table/sc_request/{request}", json={"request_state": "submitted"})
    written = (await answer.json())["result"]
    assert (written["request_state"], written["approval"]) == ("in_process", "approved")


async def test_unknown_variables_are_findings(user: Client, swallowed: Callable[[], list[str]]) -> None:
    """An order goes through without them."""
    await got(user, f"items/{IPAD}/order_now", "POST", {**ONE, "variables": {"color": "red"}})
    assert swallowed() == ["variable-ignored"]


@pytest.mark.parametrize("action", ["order_now", "add_to_cart"])
async def test_orders_are_refused_in_documented_words(user: Client, create: Create, action: str) -> None:
    """Whatever the quantity, the variables or the item."""
    for quantity in (None, 0, -1, "many", 1.5, 10_000):
        body = {"sysparm_quantity": quantity}
        assert await refused(user, f"items/{IPAD}/{action}", "POST", body) == (400, "Invalid quantity value")
    missing = (400, "Mandatory Variables are required")
    assert await refused(user, f"items/{EMAIL}/{action}", "POST", ONE) == missing
    assert await refused(user, f"items/{EMAIL}/{action}", "POST", {**ONE, "variables": "x"}) == missing
    denied = (400, "Security constraints prevent ordering of Item")
    for item in (NOBODY, PRODUCER, create("sc_cat_item", name="Old", active="false")):
        assert await refused(user, f"items/{item}/{action}", "POST", ONE) == denied
    others = {**ONE, "sysparm_also_request_for": "x,y"}
    assert (await refused(user, f"items/{IPAD}/{action}", "POST", others))[0] == 400


async def laptop_of(client: Client) -> str:
    """Return the sys_id of an item that costs something every year."""
    [laptop] = await got(client, "items?sysparm_text=laptop")
    return str(laptop["sys_id"])


@pytest.mark.long
async def test_cart_shows_lines_by_frequency(user: Client) -> None:
    """With subtotals, in dollars and as numbers."""
    laptop = await laptop_of(user)
    assert (await got(user, "cart"))["subtotal_price"] == "$0.00"
    added = await got(user, f"items/{IPAD}/add_to_cart", "POST", {"sysparm_quantity": "2"})
    assert (added["subtotal"], added["items"][0]["quantity"]) == ("$1,200.00", "2")
    await got(user, f"items/{laptop}/add_to_cart", "POST", {**ONE, "variables": {"acrobat": True}})
    cart = await got(user, "cart")
    assert (cart["cart_id"], cart["subtotal_price"]) == (added["cart_id"], "$2,300.00")
    [ipad], [computer] = cart["none"]["items"], cart["yearly"]["items"]
    assert (ipad["subtotal"], ipad["subtotal_price"], ipad["delivery_time"]) == (1200, "$1,200.00", "2 Days")
    assert cart["none"]["frequency_label"] is None
    assert cart["yearly"]["frequency_label"] == computer["recurring_frequency"] == "Annually"
    assert computer["variables"] == {"Adobe Acrobat": "true", "Additional software requirements": ""}
    assert (computer["recurring_subtotal_price"], computer["show_recurring_price"]) == ("$100.00", True)


async def test_line_is_changed_and_removed(user: Client) -> None:
    """By its owner alone."""
    laptop = await laptop_of(user)
    added = await got(user, f"items/{laptop}/add_to_cart", "POST", {**ONE, "variables": {"acrobat": "true"}})
    line = added["items"][0]["cart_item_id"]
    body = {"sysparm_quantity": 3, "variables": {"acrobat": "false"}}
    changed = await got(user, f"cart/{line}", "PUT", body, 201)
    [item] = changed["yearly"]["items"]
    assert (item["quantity"], item["variables"]["Adobe Acrobat"]) == ("3", "false")
    assert (await refused(user, f"cart/{NOBODY}", "PUT", ONE))[0] == 400
    assert (await user.delete(f"{API}/cart/{line}")).status == 204
    assert (await user.delete(f"{API}/cart/{line}")).status == 400
    assert "yearly" not in await got(user, "cart")


async def test_carts_are_private(user: Client, client: Client) -> None:
    """Others' lines are not to be changed, nor found by the Table API; an administrator empties any cart."""
    added = await got(user, f"items/{IPAD}/add_to_cart", "POST", ONE)
    line = added["items"][0]["cart_item_id"]
    assert (await refused(client, f"cart/{line}", "DELETE"))[0] == 400
    own = (await got(client, "cart"))["cart_id"]
    assert (await refused(user, f"cart/{own}/empty", "DELETE"))[0] == 400
    assert [cart["sys_id"] for cart in await rows(user, "sc_cart", "")] == [added["cart_id"]]
    assert (await client.delete(f"{API}/cart/{added['cart_id']}/empty")).status == 204
    assert await rows(client, "sc_cart_item", "") == []


async def test_cart_is_bounded(user: Client, instance: Instance) -> None:
    """Fifty lines."""
    cart = (await got(user, "cart"))["cart_id"]
    with instance.transaction(instance.system) as session:
        session.store_rows("sc_cart_item", ({"sys_id": f"{line:032}", "cart": cart} for line in range(50)))
    assert await refused(user, f"items/{IPAD}/add_to_cart", "POST", ONE) == (400, "Cart is full")
    planted = {"cart": cart, "cat_item": IPAD}
    answer = await user.post("/api/now/table/sc_cart_item", json=planted)
    assert (answer.status, "Cart is full" in await answer.text()) == (403, True)
    [line] = await rows(user, "sc_cart_item", f"sys_id={1:032}")
    assert (await user.patch(f"/api/now/table/sc_cart_item/{line['sys_id']}", json={"quantity": "2"})).status == 200
    assert (await user.delete(f"/api/now/table/sc_cart_item/{line['sys_id']}")).status == 204
    assert (await user.post("/api/now/table/sc_cart_item", json=planted)).status == 201


async def test_a_cart_with_more_lines_than_it_may_have(user: Client, client: Client, instance: Instance) -> None:
    """As files bring them: it is not ordered in part, and emptied altogether, with the values of its variables."""
    cart = (await got(user, "cart"))["cart_id"]
    with instance.transaction(instance.system) as session:
        line = {"cart": cart, "cat_item": IPAD, "quantity": "1"}
        session.store_rows("sc_cart_item", ({"sys_id": f"{number:032}", **line} for number in range(61)))
        session.store_rows(
            "sc_item_option", [{"sys_id": f"{number:032}", "cart_item": f"{number:032}"} for number in (2, 60)]
        )
    for way in ("checkout", "submit_order"):
        assert await refused(user, f"cart/{way}", "POST") == (400, "Cart is full")
    assert (await user.delete(f"{API}/cart/{cart}/empty")).status == 204
    assert [await rows(client, table, "") for table in ("sc_cart_item", "sc_item_option", "sc_cart")] == [[], [], []]


async def test_values_in_a_cart_are_bounded(user: Client, instance: Instance, create: Create) -> None:
    """A thousand, whichever API stored them: an order stores each of them."""
    line = create("sc_cart_item", cart=(await got(user, "cart"))["cart_id"], cat_item=IPAD)
    with instance.transaction(instance.system) as session:
        session.store_rows("sc_item_option", ({"sys_id": f"{row:032}", "cart_item": line} for row in range(1_001)))
    assert await refused(user, "cart/submit_order", "POST") == (400, "Cart is full")


@pytest.mark.long
@pytest.mark.parametrize("way", ["checkout", "submit_order"])
async def test_checkout_orders_what_is_in_the_cart(user: Client, client: Client, way: str) -> None:
    """And empties it; an empty one is refused."""
    assert (await refused(user, f"cart/{way}", "POST"))[0] == 400
    laptop = await laptop_of(user)
    await got(user, f"items/{IPAD}/add_to_cart", "POST", {"sysparm_quantity": 2, "sysparm_requested_for": "itil"})
    await got(user, f"items/{laptop}/add_to_cart", "POST", {**ONE, "variables": {"acrobat": "true"}})
    ordered = await got(user, f"cart/{way}", "POST")
    [request] = await rows(client, "sc_request", f"number={ordered['request_number']}")
    assert (request["sys_id"], request["price"]) == (ordered["request_id"], "USD;2300.00")
    items = await rows(client, "sc_req_item", f"request={request['sys_id']}^ORDERBYDESCquantity")
    assert [(item["cat_item"], item["quantity"]) for item in items] == [(IPAD, "2"), (laptop, "1")]
    assert len(await rows(client, "sc_item_option_mtom", f"request_item={items[1]['sys_id']}")) == 2
    assert (await refused(user, f"cart/{way}", "POST"))[0] == 400


async def test_two_step_checkout_shows_the_cart_first(user: Client, create: Create) -> None:
    """By the property; the order is submitted in the second step."""
    create("sys_properties", name="glide.sc.checkout.twostep", value="true")
    await got(user, f"items/{IPAD}/add_to_cart", "POST", ONE)
    shown = await got(user, "cart/checkout", "POST")
    assert (shown["requested_for_user"], shown["subtotal_price"]) == ("Plain User", "$600.00")
    assert (await got(user, "cart/submit_order", "POST"))["request_number"].startswith("REQ")


async def test_delivery_address_is_that_of_the_location(user: Client, create: Create) -> None:
    """In lines; empty for a user without one."""
    place = create(
        "cmn_location", name="x", street="1 Main Street", city="Boston", state="MA", zip="02114", country="USA"
    )
    at = create("sys_user", user_name="at", location=place)
    assert await got(user, f"cart/delivery_address/{at}") == "1 Main Street\nBoston, MA, 02114\nUSA"
    assert await got(user, f"cart/delivery_address/{create('sys_user', user_name='nowhere')}") == ""
    assert (await refused(user, f"cart/delivery_address/{NOBODY}"))[0] == 400


async def test_record_producer_creates_its_record(user: Client, client: Client) -> None:
    """Each variable fills the column of its name."""
    body = {"variables": {"urgency": "2", "comments": "This is sample incident"}}
    made = await got(user, f"items/{PRODUCER}/submit_producer", "POST", body)
    [incident] = await rows(client, "incident", f"number={made['number']}")
    assert (incident["sys_id"], incident["urgency"]) == (made["sys_id"], "2")
    assert (made["record"], made["parent_table"]) == (f"api/now/table/incident/{made['sys_id']}", "task")
    assert (await refused(user, f"items/{IPAD}/submit_producer", "POST", body))[0] == 404


async def test_an_inactive_producer_creates_nothing(user: Client, client: Client) -> None:
    """As no inactive item can be ordered."""
    await client.patch(f"/api/now/table/sc_cat_item_producer/{PRODUCER}", json={"active": "false"})
    status, message = await refused(user, f"items/{PRODUCER}/submit_producer", "POST", {"variables": {}})
    assert (status, message) == (400, "Security constraints prevent ordering of Item")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("items?sysparm_type=catalog_item", "sysparm_type is 'catalog_item', expected one of record producer, order"),
        ("items?sysparm_typ=x", "parameter 'sysparm_typ' means nothing here"),
        ("catalogs?active=true", "parameter 'active' means nothing here"),
        ("cart?sysparm_limit=1", "parameter 'sysparm_limit' means nothing here"),
        (
            f"catalogs/{TECHNICAL}/categories?sysparm_top_level_only=yes",
            "sysparm_top_level_only is 'yes'",
        ),
    ],
)
async def test_what_has_no_effect_is_a_finding(user: Client, journal: Journal, path: str, why: str) -> None:
    """Unknown parameters and unknown words."""
    await got(user, path)
    [message] = [finding.message for _, finding in journal.findings()]
    assert why in message


async def test_display_value_of_a_variable(user: Client, create: Create) -> None:
    """A choice's label, a reference's name, else the value."""
    [server] = await got(user, f"items?sysparm_catalog={TECHNICAL}")
    [system] = (await got(user, f"items/{server['sys_id']}"))["variables"]
    choice, reference = system["id"], create("item_option_new", type="8", reference="sys_user")
    for variable, value, shown in (
        (choice, "windows", "Windows"),
        (choice, "other", "other"),
        (reference, "5137153cc611227c000bbd1bd8cd2007", "David Loo"),
        (reference, NOBODY, ""),
    ):
        path = f"variables/{variable}/display_value"
        assert await got(user, path, "POST", {"sysparm_value": value}) == shown
    assert (await refused(user, f"variables/{NOBODY}/display_value", "POST", {}))[0] == 404


async def test_odd_prices_cost_nothing(user: Client, create: Create) -> None:
    """A price that is no number is shown as it is, and not counted."""
    odd = create("sc_cat_item", name="Odd", price="USD;x")
    added = await got(user, f"items/{odd}/add_to_cart", "POST", ONE)
    assert added["subtotal"] == "$0.00"


@pytest.mark.parametrize(
    ("item", "line", "words"),
    [
        ({"active": "false"}, {}, "Security constraints prevent ordering of Item"),
        ({}, {"quantity": "-1000"}, "Invalid quantity value"),
        ({}, {"quantity": ""}, "Invalid quantity value"),
        ({"variable": "true"}, {}, "Mandatory Variables are required"),
    ],
    ids=["inactive", "negative", "none", "mandatory"],
)
async def test_lines_of_the_table_api_are_ordered_by_the_same_rules(
    user: Client, create: Create, item: dict[str, str], line: dict[str, str], words: str
) -> None:
    """They are in the cart without having been added by the catalog's API."""
    wanted = create("sc_cat_item", name="Wanted", active=item.get("active", "true"))
    create("item_option_new", cat_item=wanted, name="size", mandatory=item.get("variable", "false"))
    cart = (await got(user, "cart"))["cart_id"]
    made = await user.post("/api/now/table/sc_cart_item", json={"cart": cart, "cat_item": wanted, **line})
    assert made.status == 201
    for way in ("checkout", "submit_order"):
        assert await refused(user, f"cart/{way}", "POST") == (400, words)
    assert await rows(user, "sc_request", "") == []


async def test_options_of_other_items_are_not_ordered(user: Client, create: Create) -> None:
    """An option in a line counts if it is of a variable of the line's item."""
    wanted = create("sc_cat_item", name="Wanted")
    variables = [create("item_option_new", cat_item=each, mandatory="true") for each in (wanted, IPAD)]
    line = create("sc_cart_item", cart=(await got(user, "cart"))["cart_id"], cat_item=wanted)
    options = [create("sc_item_option", cart_item=line, item_option_new=each, value="x") for each in variables]
    await got(user, "cart/submit_order", "POST")
    assert [row["sc_item_option"] for row in await rows(user, "sc_item_option_mtom", "")] == options[:1]
    assert await rows(user, "sc_item_option", f"sys_id={options[1]}") == []


@pytest.mark.parametrize("named", ["hidden.user", "Hidden User", "hidden@example.com"])
async def test_nobody_orders_for_a_user_whom_they_may_not_read(user: Client, create: Create, named: str) -> None:
    """The name is not resolved, so that the order does not reveal the user."""
    hidden = create("sys_user", user_name="hidden.user", name="Hidden User", email="hidden@example.com")
    create("sys_security_acl", name="sys_user", operation="read", condition="user_name!=hidden.user")
    for sys_id, receiver in ((IPAD, named), (IPAD, "plain")):
        made = await got(user, f"items/{sys_id}/order_now", "POST", {**ONE, "sysparm_requested_for": receiver})
        [request] = await rows(user, "sc_request", f"sys_id={made['sys_id']}")
        assert request["requested_for"] not in {hidden, ""}
