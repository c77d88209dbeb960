"""A ServiceNow instance to test against: the platform and the Privilege Manager app on it."""
