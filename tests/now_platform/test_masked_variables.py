"""Values of masked variables, which nobody reads on any surface (Docs: masked)."""

import orjson

from .catalog import Client, Create, got, rows

MASK, SECRET = "*" * 8, "4711"


async def test_no_surface_shows_a_masked_value(user: Client, client: Client, create: Create) -> None:
    """Neither an order, nor a cart, nor the records with the values, even to administrators and in queries."""
    item = create("sc_cat_item", name="Safe")
    pin = create("item_option_new", cat_item=item, name="pin", question_text="PIN", type="25")
    note = create("item_option_new", cat_item=item, name="note", question_text="Note", type="6", order="200")
    body = {"sysparm_quantity": 1, "variables": {"pin": SECRET, "note": "open"}}
    answers = [await got(user, f"items/{item}/{verb}", "POST", body) for verb in ("add_to_cart", "add_to_wishlist")]
    answers.append(await got(user, "cart"))
    ordered = await got(user, f"items/{item}/order_now", "POST", body)
    assert answers[-1]["none"]["items"][0]["variables"] == {"PIN": MASK, "Note": "open"}
    shown = f"/sc_req_item.do?JSONv2&sysparm_query=request={ordered['request_id']}&displayvariables=true"
    for reader in (user, client):
        answers.append((await (await reader.get(shown)).json())["records"])
        assert [each["value"] for each in answers[-1][0]["variables"]] == [MASK, "open"]
        answers.append(await rows(reader, "sc_item_option", ""))
        assert await rows(reader, "sc_item_option", f"item_option_new={pin}^value={SECRET}") == []
        assert len(await rows(reader, "sc_item_option", f"item_option_new={note}^value=open")) in {2, 3}
    assert SECRET not in orjson.dumps(answers).decode()


async def test_a_masked_value_is_written_by_no_table_in_clear(client: Client, create: Create) -> None:
    """Whoever writes it, and whichever column comes first; without a value there is nothing to mask."""
    pin = create("item_option_new", name="pin", type="25")
    path = "/api/now/table/sc_item_option"
    made = (await (await client.post(path, json={"value": SECRET})).json())["result"]
    changed = await client.patch(f"{path}/{made['sys_id']}", json={"item_option_new": pin})
    assert (made["value"], (await changed.json())["result"]["value"]) == (SECRET, MASK)
    empty = await client.post(path, json={"item_option_new": pin})
    assert (await empty.json())["result"]["value"] == ""


async def test_a_guide_displays_asterisks(user: Client, create: Create) -> None:
    """In place of the value that it hands on."""
    guide, item = create("sc_cat_item_guide", name="Guide", cascade="true"), create("sc_cat_item", name="Safe")
    for owner in (guide, item):
        create("item_option_new", cat_item=owner, name="pin", type="25")
    create("sc_cat_item_guide_items", guide=guide, item=item)
    [chosen] = await got(user, f"items/{guide}/submit_guide", "PUT", {"variables": {"pin": SECRET}})
    assert [(each["value"], each["displayvalue"]) for each in chosen["variables"]] == [(SECRET, MASK)]


async def test_display_value_of_a_masked_variable(user: Client, create: Create) -> None:
    """Asterisks, and nothing of an empty value."""
    path = f"variables/{create('item_option_new', name='pin', type='25')}/display_value"
    for value, shown in ((SECRET, MASK), ("", "")):
        assert await got(user, path, "POST", {"sysparm_value": value}) == shown
