"""A Privilege Manager console: the documented set-up, the approval API and the webhook to ServiceNow."""
