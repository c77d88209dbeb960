"""Measures what a snapshot of an instance in memory costs the processor, beside one request that gets a record.

python -m benchmarks.snapshots
"""

from statistics import median

from benchmarks.servers import Client, Server, mock_servicenow, serve, show

PORT = 18_571
ROUNDS = 60
RECORDS = (0, 1_000, 10_000)
BATCH = 100
INCIDENTS = "/api/now/table/incident"
SNAPSHOTS = "/__admin/snapshots"
USER = "/api/now/table/sys_user?sysparm_limit=1"


def insert(client: Client, count: int) -> None:
    """Insert so many incidents, a hundred in a batch."""
    for first in range(0, count, BATCH):
        requests = [
            {"id": str(number), "method": "POST", "url": INCIDENTS, "body": "e30="}  # {} in base64
            for number in range(first, min(count, first + BATCH))
        ]
        client.call("POST", "/api/now/v1/batch", {"batch_request_id": str(first), "rest_requests": requests})


def measured(server: Server, client: Client, method: str, path: str, body: object = None) -> float:
    """Return the milliseconds of the processor that a call takes."""
    before = server.processor
    client.call(method, path, body)
    return server.processor - before


def medians(server: Server, client: Client) -> tuple[float, float, float]:
    """Return the milliseconds of a request, of taking a snapshot and of restoring it."""
    requests, taken, restored = [], [], []
    for _ in range(ROUNDS):
        client.call("GET", USER)  # logs in: a restore ends sessions
        requests.append(measured(server, client, "GET", USER))
        taken.append(measured(server, client, "POST", SNAPSHOTS, {"name": "measured"}))
        restored.append(measured(server, client, "POST", f"{SNAPSHOTS}/measured/restore"))
        client.call("DELETE", f"{SNAPSHOTS}/measured")
    return median(requests), median(taken), median(restored)


def main() -> None:
    """Measure and print the table."""
    rows, there = [], 0
    with serve(mock_servicenow(PORT), PORT) as server:
        client = server.connect()
        for count in RECORDS:
            insert(client, count - there)
            there = count
            request, take, restore = medians(server, client)
            both = (f"{each:.1f} ms ({each / request:.1f} requests)" for each in (take, restore))
            rows.append([f"{count:,} incidents", f"{request:.1f} ms", *both])
    show("A snapshot", ("beside its first rows", "one request", "take", "restore"), rows)


if __name__ == "__main__":
    main()
