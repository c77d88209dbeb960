"""Why a token is not given; the client never learns it."""


class RefusedError(Exception):
    """Raised where a request for a token does not hold; the message names what and why, and shows no secret."""
