// Fetches the page periodically, and shows what has changed in its live regions.
import { copyOf, put, regions } from "./morph.js";

const pause = 1500;

async function refresh() {
  // A new row would move what the reader has unfolded or ticked.
  const busy = document.hidden || document.querySelector("[data-live] details[open], [data-live] input:checked");
  const copy = busy ? null : await copyOf(location.href).catch(() => null);
  if (copy) put(copy);
  setTimeout(refresh, pause);
}

// Going back to the answer to a form opens its address instead of posting the form again.
if (document.querySelector("main[data-posted]")) history.replaceState(null, "", location.href);
if (regions.length) setTimeout(refresh, pause);
