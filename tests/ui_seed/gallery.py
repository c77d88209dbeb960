"""A page of screenshots that a person can review: every picture at four widths, in light and dark mode."""

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tests.browser import Page

WIDTHS = (360, 800, 1280, 1920)
"""Pixels: a phone, a tablet, a laptop, a wide screen."""
_SHOWN = 1280
_HEIGHT = 900
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
</style>
<h1>Pages of both fakes</h1>
<p>Under each picture stands what it shows: the sentence of the documentation, or the page's title and address.
The links open it at other widths, in light and dark mode.</p>
"""


@dataclass(frozen=True, slots=True)
class Picture:
    """One step, or one page, and its screenshots.

    Attributes:
        story: the heading under which it stands.
        step: the documentation's sentence, or the page's address.
        files: by width and colour scheme.
    """

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
        self.pictures: list[Picture] = []
        self.misfits: list[str] = []

    async def take(self, page: "Page", story: str, step: str) -> None:
        """Take screenshots after a step; the page has its size and colours afterwards."""
        number, before = len(self.pictures) + 1, page.viewport_size
        files: dict[tuple[int, str], str] = {}
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": _HEIGHT})
            if await page.evaluate(_TOO_WIDE):
                self.misfits.append(f"{step} at {width} pixels")
            for scheme in _SCHEMES if width in self._taken else ():
                await page.emulate_media(color_scheme=scheme)
                files[width, scheme] = file = f"{number:03}-{width}-{scheme}.png"
                await page.screenshot(path=self.folder / file, full_page=True)
        await page.emulate_media(color_scheme="light")
        if before:
            await page.set_viewport_size(before)
        self.pictures.append(Picture(story, step, files))

    def write(self) -> str:
        """Write the page of all pictures, and return it."""
        stories = list(dict.fromkeys(picture.story for picture in self.pictures))
        contents = "".join(f'<li><a href="#s{number}">{escape(each)}</a></li>\n' for number, each in enumerate(stories))
        parts = [_HEAD, f"<nav aria-label='Contents'><ol>\n{contents}</ol></nav>\n"]
        for number, story in enumerate(stories):
            parts.append(f'<h2 id="s{number}">{escape(story)}</h2>\n')
            parts += [_figure(picture) for picture in self.pictures if picture.story == story]
        html = "".join(parts)
        (self.folder / "index.html").write_text(html, encoding="utf-8")
        return html


def _figure(picture: Picture) -> str:
    step = escape(picture.step)
    links = " ".join(f'<a href="{file}">{width} {scheme}</a>' for (width, scheme), file in picture.files.items())
    caption = f"<figcaption>{step}<br>{links}</figcaption>"
    return f'<figure><img src="{picture.file}" alt="{step}" loading="lazy">{caption}</figure>\n'
