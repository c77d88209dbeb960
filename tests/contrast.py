"""What people cannot see: text and borders of controls that are too like what is painted behind them.

Axe leaves out what it cannot be sure of, such as text above another element's ground, and borders altogether.
"""

from playwright.async_api import Page

_FAINT = """() => {
  const parts = (color) => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d");
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return { rgb: [red, green, blue], alpha: alpha / 255 };
  };
  const above = (top, under) => top.rgb.map((each, index) => each * top.alpha + under[index] * (1 - top.alpha));
  const light = (rgb) => {
    const linear = (each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
    const [red, green, blue] = rgb.map((each) => linear(each / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((first, second) => first - second);
    return (high + 0.05) / (low + 0.05);
  };
  const canvas = matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
  // What is painted at a point, from an element or from what lies under it.
  const ground = (stack) => stack.map((each) => parts(getComputedStyle(each).backgroundColor))
    .reduceRight((under, top) => above(top, under), canvas);
  const stackAt = (box, each) => {
    const found = document.elementsFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    return found.includes(each) ? found.slice(found.indexOf(each)) : [];
  };
  const shown = (each) => !each.closest(":disabled")
    && each.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const found = [];
  const tell = (each, what, ratio, least) => {
    if (ratio < least) found.push(`${what} ${ratio.toFixed(2)}: ${each.outerHTML.slice(0, 120)}`);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const each = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !shown(each) || getComputedStyle(each).backgroundImage !== "none") continue;
    each.scrollIntoView({ block: "center" });
    const range = document.createRange();
    range.selectNodeContents(texts.currentNode);
    const stack = stackAt(range.getClientRects()[0] ?? new DOMRect(), each);
    if (!stack.length) continue;
    const behind = ground(stack);
    tell(each, "text", contrast(above(parts(getComputedStyle(each).color), behind), behind), 4.45);
  }
  // A button is known by its text or icon; a field by its border, or a ground of its own.
  for (const each of document.querySelectorAll("button, .button, select, textarea, input:not([type=hidden])")) {
    if (!shown(each) || each.matches(".missing, [type=checkbox], [type=radio]")) continue;
    each.scrollIntoView({ block: "center" });
    const stack = stackAt(each.getBoundingClientRect(), each);
    if (stack.length < 2) continue;
    const style = getComputedStyle(each);
    const [behind, own] = [ground(stack.slice(1)), ground(stack)];
    if (each.matches("button, .button")) tell(each, "icon", contrast(above(parts(style.color), own), own), 3);
    else tell(each, "field", Math.max(...[parts(style.borderBottomColor), parts(style.backgroundColor)]
      .map((color) => contrast(above(color, behind), behind))), 3);
  }
  return found;
}"""


async def faint(page: Page) -> list[str]:
    """Return the visible texts with a contrast under 4.5, and icons and fields with one under 3."""
    return [f"{page.url} {each}" for each in await page.evaluate(_FAINT)]
