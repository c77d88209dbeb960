"""A page of screenshots, one for each step."""

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.browser import Page

_HEAD = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Setting up a ServiceNow Webhook Connection</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 70rem; margin: 0 auto; padding: 1rem; }
  figure { margin: 0 0 2rem; }
  img { max-width: 100%; border: 1px solid; }
</style>
<h1>Setting up a ServiceNow Webhook Connection</h1>
"""


@dataclass(frozen=True, slots=True)
class Picture:
    """One step and its screenshot."""

    story: str
    step: str
    file: str


class Gallery:
    """Takes screenshots and writes the page that shows them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.pictures: list[Picture] = []

    async def take(self, page: "Page", story: str, step: str) -> None:
        """Take a screenshot after a step, and write the gallery's page again."""
        file = f"{len(self.pictures) + 1:02}.png"
        await page.screenshot(path=self.folder / file, full_page=True)
        self.pictures.append(Picture(story, step, file))
        (self.folder / "index.html").write_text(self._html(), encoding="utf-8")

    def _html(self) -> str:
        parts = [_HEAD]
        for story in dict.fromkeys(picture.story for picture in self.pictures):
            parts.append(f"<h2>{escape(story)}</h2>\n")
            parts += [_figure(picture) for picture in self.pictures if picture.story == story]
        return "".join(parts)


def _figure(picture: Picture) -> str:
    step = escape(picture.step)
    return f'<figure><figcaption>{step}</figcaption><img src="{picture.file}" alt="{step}" loading="lazy"></figure>\n'
