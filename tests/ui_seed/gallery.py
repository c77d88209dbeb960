"""A page of screenshots that a person can review: every picture at four widths, in light and dark mode."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tests.browser import Page

WIDTHS = (360, 800, 1280, 1920)
"""Pixels: a phone, a tablet, a laptop, a wide screen."""
_SHOWN = 1280
_HEIGHT = 900
_QUALITY = 80
"""Of JPEG, which takes half the time of PNG."""
_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_TOO_WIDE = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
_HEAD = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pages of both fakes</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 80rem; margin: 0 auto; padding: 1rem; }
  figure { margin: 0 0 2rem; }
  img { max-width: 100%; border: 1px solid; }
  nav ol { columns: 26rem; }
</style>
<h1>Pages of both fakes</h1>
<p>Under each picture stands what it shows: the sentence of the documentation, or the page's title and address.
The links open it at each width, in light and dark mode.</p>
"""


@dataclass(frozen=True, slots=True)
class Picture:
    """One step, or one state of a page, and its screenshots.

    Attributes:
        number: counts from 1.
        story: the heading under which it stands.
        step: the documentation's sentence, or the page's address.
        files: by width and colour scheme.
    """

    number: int
    story: str
    step: str
    files: dict[tuple[int, str], str]

    @property
    def file(self) -> str:
        """The screenshot that the gallery shows."""
        return self.files[_SHOWN, _SCHEMES[0]]


class Gallery:
    """Takes screenshots and writes the page that shows them.

    Args:
        every_width: whether to take each picture at all `WIDTHS`.

    Attributes:
        misfits: the pictures whose page is wider than its screen.
    """

    def __init__(self, folder: Path, *, every_width: bool) -> None:
        self.folder = folder
        self._taken = WIDTHS if every_width else (_SHOWN,)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._numbers = count(1)
        self.pictures: list[Picture] = []
        self.misfits: list[str] = []

    async def take(self, page: "Page", story: str, step: str) -> None:
        """Take screenshots after a step; the page has its size and colours afterwards."""
        number, before = next(self._numbers), page.viewport_size
        files: dict[tuple[int, str], str] = {}
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": _HEIGHT})
            if await page.evaluate(_TOO_WIDE):
                self.misfits.append(f"{step} at {width} pixels")
            for scheme in _SCHEMES if width in self._taken else ():
                await page.emulate_media(color_scheme=scheme)
                files[width, scheme] = file = f"{number:03}-{width}-{scheme}.jpg"
                await page.screenshot(path=self.folder / file, full_page=True, type="jpeg", quality=_QUALITY)
        await page.emulate_media(color_scheme="light")
        if before:
            await page.set_viewport_size(before)
        self.pictures.append(Picture(number, story, step, files))

    def write(self) -> str:
        """Write the page of all pictures, and return it."""
        stories = {story: [each for each in self.pictures if each.story == story] for story in self._stories()}
        parts = [_HEAD, "<nav aria-label='Contents'>\n", *_contents(stories), "</nav>\n"]
        for number, (story, pictures) in enumerate(stories.items()):
            parts.append(f'<h2 id="s{number}">{escape(story)}</h2>\n')
            parts += map(_figure, pictures)
        html = "".join(parts)
        (self.folder / "index.html").write_text(html, encoding="utf-8")
        return html

    def _stories(self) -> list[str]:
        return list(dict.fromkeys(picture.story for picture in self.pictures))


def _contents(stories: dict[str, list[Picture]]) -> Iterator[str]:
    """Yield a list of all pictures for each story."""
    for number, (story, pictures) in enumerate(stories.items()):
        yield f'<p><a href="#s{number}">{escape(story)}</a></p>\n<ol>\n'
        yield from (f'<li><a href="#p{each.number}">{escape(each.step)}</a></li>\n' for each in pictures)
        yield "</ol>\n"


def _figure(picture: Picture) -> str:
    step = escape(picture.step)
    links = " ".join(f'<a href="{file}">{width} {scheme}</a>' for (width, scheme), file in picture.files.items())
    caption = f"<figcaption>{step}<br>{links}</figcaption>"
    image = f'<img src="{picture.file}" alt="{step}" loading="lazy">'
    return f'<figure id="p{picture.number}">{image}{caption}</figure>\n'
