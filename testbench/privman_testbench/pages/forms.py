"""What browsers post."""

from aiohttp import web
from multidict import MultiDict, MultiMapping

LARGEST = 4 * 1024 * 1024
_FORM: web.RequestKey[MultiMapping[str]] = web.RequestKey("form", MultiMapping)


async def read_form(request: web.Request) -> MultiMapping[str]:
    """Return the texts of a posted form, their lines ended as they are stored; reading it twice is harmless.

    What cannot be read, or has more than `LARGEST` bytes, counts as empty: it lacks its token and is refused for that.
    """
    known = request.get(_FORM)
    if known is None:
        known = request[_FORM] = await _texts(request)
    return known


async def _texts(request: web.Request) -> MultiMapping[str]:
    if request.method != "POST":
        return MultiDict()
    try:
        posted = await request.clone(client_max_size=LARGEST).post()
    except (LookupError, ValueError, web.HTTPRequestEntityTooLarge):
        return MultiDict()
    texts = MultiDict[str]()
    for name, value in posted.items():
        if isinstance(value, str):
            texts.add(name, value.replace("\r\n", "\n"))
        elif isinstance(value, web.FileField):
            value.file.close()
    return texts
