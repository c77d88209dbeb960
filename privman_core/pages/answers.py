"""Answers that are pages, and the headers that keep them safe."""

from aiohttp import web

# Nothing from elsewhere, nothing inline, no page inside another.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def to_page(html: str, status: int = 200) -> web.Response:
    """Return a page that no cache keeps."""
    headers = {**_HEADERS, "Cache-Control": "no-store"}
    return web.Response(status=status, text=html, content_type="text/html", headers=headers)


def to_asset(body: bytes, content_type: str) -> web.Response:
    """Return a stylesheet, a script or a picture, which browsers may keep for a while."""
    headers = {**_HEADERS, "Cache-Control": "max-age=300"}
    return web.Response(body=body, content_type=content_type, charset="utf-8", headers=headers)


def see(location: str) -> web.Response:
    """Return where to go on with a GET."""
    return web.Response(status=303, headers={**_HEADERS, "Cache-Control": "no-store", "Location": location})
