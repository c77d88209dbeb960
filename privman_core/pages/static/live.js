// Fetches the page periodically and replaces the elements with data-live that have changed.
"use strict";
const pause = 1500;
const regions = [...document.querySelectorAll("[data-live]")];
const shown = new Map(regions.map((region) => [region, region.innerHTML]));

function put(next, region) {
  const focused = region.contains(document.activeElement) ? document.activeElement.id : "";
  region.replaceChildren(...document.importNode(next, true).childNodes);
  if (focused) document.getElementById(focused)?.focus();
}

async function refresh() {
  const answer = await fetch(location.href, { cache: "no-store", redirect: "error" });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const region of regions) {
    const next = page.getElementById(region.id);
    if (next && next.innerHTML !== shown.get(region)) {
      shown.set(region, next.innerHTML);
      put(next, region);
    }
  }
}

async function live() {
  // A refresh would fold up what the user has unfolded, and clear what is ticked.
  const busy = document.hidden || document.querySelector("[data-live] details[open], [data-live] input:checked");
  if (!busy) await refresh().catch(() => undefined);
  setTimeout(live, pause);
}

if (regions.length) setTimeout(live, pause);
