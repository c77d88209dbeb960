"""The pages on which a user lets a client act for him (platform 4.4)."""

from html import escape

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="UTF-8"><title>{title}</title></head>
<body><h1>{title}</h1>{body}</body></html>
"""
_FORM = """<form method="post">
<p>{client} asks to access your account.</p>
{proof}
<button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button>
</form>"""
_LOGIN = """<p><label>User name <input name="user_name" autocomplete="username" required></label></p>
<p><label>Password <input name="user_password" type="password" autocomplete="current-password" required></label></p>"""


def consent_page(client: str, user_token: str) -> str:
    """Return the form: with a log-in, or with the session's token where the visitor is logged in."""
    token = f'<input type="hidden" name="sysparm_ck" value="{escape(user_token)}">'
    form = _FORM.format(client=escape(client), proof=token if user_token else _LOGIN)
    return _PAGE.format(title="Authorize application", body=form)


def error_page(message: str) -> str:
    """Return the page that says why nothing is asked."""
    return _PAGE.format(title="Authorization error", body=f"<p>{escape(message)}</p>")
