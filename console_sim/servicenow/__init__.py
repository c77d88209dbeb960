"""The wire to ServiceNow: Table API calls that survive what an instance does, and the tasks that make them."""
