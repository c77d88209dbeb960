"""Bodies of the console's registration as the integration document prints them."""


def registration(console: str, client_id: str, secret: str) -> dict[str, str]:
    """Return the pairs of the registration of a console at that address."""
    return {
        "Authentication Type": "Get Token",
        "Username": client_id,
        "Password": secret,
        "Minimum wait time": "00:00:50",
        "Token Url": f"{console}/Tms/services/api/logon/token",
        "Endpoint Url": f"{console}/Tms/services/api/v1/approval/approve",
        "Maximum retry attempts": "3",
    }


def activity_type(instance_id: str) -> dict[str, str]:
    """Return the activity type of a registered console."""
    return {
        "name": "PM Approval Request",
        "description": "Approve or deny PM request",
        "valid_responses": "Approve,Deny",
        "max_timeout": "16:30:00",
        "include_comment": "true",
        "include_duration": "true",
        "instance_id": instance_id,
    }
