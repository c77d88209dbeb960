"""The client of npm, by a proxy: it completes the instance's name itself."""

import json

from tests.mock_servicenow.command import serving_command

from .conftest import Install, Run

SCRIPT = """
const Client = require("servicenow-rest-api");
const client = new Client("dev12345", "admin", "admin");
client.setNetworkOptions({proxy: {protocol: "http", host: "127.0.0.1", port: Number(process.env.PORT)}});
const ask = (name, ...given) => new Promise((done) => client[name](...given, done));
(async () => {
  client.Authenticate();  // only prints
  const made = await ask("createNewTask", {short_description: "by node"}, "incident");
  const changed = await ask("UpdateTask", "incident", made.number, {short_description: "changed"});
  const rows = await ask("getTableData", ["number"], ["short_description=changed"], "incident");
  const id = await ask("getSysId", "incident", made.number);
  console.log("ANSWERS " + JSON.stringify({made, changed, rows, id}));
})();
"""


async def test_servicenow_rest_api(node_client: Install, succeed: Run) -> None:
    """It logs in, creates, changes and finds a record."""
    folder = await node_client("servicenow-rest-api")
    async with serving_command() as url:
        output = await succeed("node", "-e", SCRIPT, folder=folder, PORT=url.rpartition(":")[2])
    answers = json.loads(output.partition("ANSWERS ")[2].splitlines()[0])
    made = answers["made"]
    assert "Authenticated" in output
    assert answers["changed"]["short_description"] == "changed"
    assert (answers["rows"], answers["id"]) == ([{"number": made["number"]}], made["sys_id"])
