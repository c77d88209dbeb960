// Makes the live regions of the page what a newer copy of the page has, and leaves everything else as it is: focus,
// ticked boxes, unfolded details, scroll positions, typed text, and the selected text where it has not changed.
export const regions = [...document.querySelectorAll("[data-live]")];
// Only the reader changes these, and what is typed; the values of hidden fields, boxes, buttons and options are the page's.
const readers = new Set(["open", "checked", "selected"]);
const untyped = new Set(["hidden", "checkbox", "radio", "submit"]);
const isTyped = (node) => node.nodeName === "INPUT" && !untyped.has(node.type);
const isReaders = (node, name) => readers.has(name) || (name === "value" && isTyped(node));
const inRows = new Set(["TABLE", "TBODY", "TR"]);

/** Returns the page at an address; null for an answer that is not a page. */
export async function copyOf(address, options = {}) {
  const answer = await fetch(address, { cache: "no-store", redirect: "error", ...options });
  const isPage = (answer.headers.get("Content-Type") ?? "").startsWith("text/html");
  return isPage ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
}

/** Makes these regions what a newer copy of the page has, but for rows in use if ``keep`` is set. */
export function put(copy, changing = regions, keep = true) {
  for (const region of changing) {
    const newer = copy.getElementById(region.id);
    if (!newer) continue;
    const focused = region.contains(document.activeElement) && document.activeElement;
    // Numbers that began again are other things.
    if (region.dataset.epoch !== newer.dataset.epoch) region.replaceChildren();
    if (!keep) for (const row of region.querySelectorAll("[data-keep]")) if (!copy.getElementById(row.id)) row.remove();
    morph(region, newer);
    if (focused && !document.contains(focused)) {
      region.tabIndex = -1;
      (document.getElementById(focused.id) ?? region).focus({ preventScroll: true });
    }
  }
}

function morph(old, newer) {
  if (!(old instanceof Element)) {
    if (old.data !== newer.data && !isSelected(old)) old.data = newer.data;
    return;
  }
  for (const { name } of [...old.attributes]) if (!isReaders(old, name) && !newer.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of newer.attributes) if (!isReaders(old, name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  children(old, newer);
}

function children(old, newer) {
  const wanted = nodes(newer);
  const keys = new Set(wanted.map(keyOf).filter(Boolean));
  const keyed = new Map();
  for (const node of nodes(old)) keyed.set(keyOf(node), [...(keyed.get(keyOf(node)) ?? []), node]);
  let at = first(old);
  for (const next of wanted) {
    while (at && keyOf(at) && !keys.has(keyOf(at))) at = dropped(at);
    const key = keyOf(next);
    let found = key ? keyed.get(key)?.shift() : at && !keyOf(at) ? at : undefined;
    if (found?.nodeName !== next.nodeName) found = undefined;
    if (!found) old.insertBefore(document.importNode(next, true), at);
    else if (found === at) at = following(at);
    else old.insertBefore(found, at);
    if (found) morph(found, next);
  }
  while (at) at = dropped(at);
}

/** Removes a node that the newer copy lacks, but not a row that the reader is using; returns the one after it. */
function dropped(node) {
  const next = following(node);
  if (!(node instanceof Element && node.hasAttribute("data-keep") && isUsed(node))) node.remove();
  return next;
}

function isUsed(row) {
  return row.querySelector(":checked, details[open]") || row.contains(document.activeElement) || isSelected(row);
}

function isSelected(node) {
  const selection = getSelection();
  return selection && !selection.isCollapsed && selection.containsNode(node, true);
}

// An item without an id is known by the first id in it, or else it is another one as soon as anything of it differs.
const isItem = ({ nodeName, parentNode }) => ["TR", "LI"].includes(nodeName) || (nodeName === "TBODY" && parentNode.tBodies.length > 1);

function keyOf(node) {
  if (!(node instanceof Element) || node.id) return node.id ?? "";
  if (node.nodeName === "OPTION") return `option ${node.value}`;
  if (node.nodeName === "DETAILS") return `details ${node.querySelector("summary")?.textContent}`;
  if (!isItem(node)) return "";
  const part = node.querySelector("[id]");
  return part ? `with ${part.id}` : node.outerHTML;
}

const isNoise = (node) => node.nodeType === Node.TEXT_NODE && inRows.has(node.parentNode.nodeName) && !node.data.trim();
const nodes = (parent) => [...parent.childNodes].filter((node) => !isNoise(node));
const first = (parent) => solid(parent.firstChild);
const following = (node) => solid(node.nextSibling);

function solid(node) {
  while (node && isNoise(node)) node = node.nextSibling;
  return node;
}
