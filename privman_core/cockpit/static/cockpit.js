// Keeps a page of the cockpit live by server-sent events, and searches the journal while the reader types.
import { copyOf, put, regions } from "./morph.js";
import { listen } from "./stream.js";

const bar = document.getElementById("live");
const journal = document.getElementById("journal");
const find = document.getElementById("find");
const shown = (id) => document.getElementById(id);
const rest = 300; // between two copies of the page, so that a busy server is not asked all the time

let paused = false;
let fetching = null; // aborts the copy that is on its way
let due = false; // whether something has changed since the last copy was asked for
let leave = () => {}; // stops to listen
let connected = false;
let alone = !window.SharedWorker; // whether this page has a stream of its own
const running = new WeakMap(); // clocks of real time: the time of the last copy, and when that came

function say() {
  const lost = "Not live: no connection to the server";
  shown("liveness").textContent = !connected ? lost : paused ? "Paused" : "Live";
  shown("pause").textContent = paused ? "Resume" : "Pause";
  bar.className = connected && !paused ? "live on" : "live";
}

/** Whether new rows would move what the reader looks at, so they are only counted. */
function isHeld(region) {
  if (paused) return true;
  return region === journal && (isOlder() || journal.getBoundingClientRect().top < -80);
}

const isOlder = () => [...new URLSearchParams(location.search).keys()].some((key) => key.startsWith("before-"));

/** Returns the address of the newest page that has the same search. */
function newest() {
  const address = new URL(location.href);
  for (const key of [...address.searchParams.keys()]) if (key.startsWith("before-")) address.searchParams.delete(key);
  return address.href;
}

/** Returns how many exchanges a newer copy of the journal has that the page has not, and whether there may be more. */
function unseen(copy) {
  const newer = copy.getElementById("journal");
  if (!journal || !newer) return [0, false];
  const cleared = newer.dataset.epoch !== journal.dataset.epoch;
  const known = new Map((journal.dataset.newest ?? "").split(" ").map((each) => each.split("-")));
  const isNew = (each) => cleared || Number(each.split("-")[1]) > Number(known.get(each.split("-")[0]) ?? 0);
  const all = [...newer.querySelectorAll("[data-exchanges]")].flatMap((row) => row.dataset.exchanges.split(" "));
  const found = all.filter(isNew).length;
  return [found, found === all.length && newer.hasAttribute("data-more")];
}

function count(copy) {
  const [number, more] = unseen(copy);
  const news = shown("news");
  news.hidden = number === 0;
  news.textContent = `${number}${more ? " or more" : ""} new exchange${number === 1 ? "" : "s"}`;
}

/** Says during a pause that something has changed, on a page that counts nothing. */
function changed(event) {
  if (event !== "changed") return;
  shown("news").hidden = false;
  shown("news").textContent = "Changed meanwhile: show";
}

/**
 * Fetches a copy of the page and shows what has changed.
 *
 * What is held is only counted, unless ``all`` is wanted. ``fresh`` replaces a copy that is on its way; ``keep`` leaves
 * rows that the reader uses, though the copy lacks them.
 */
async function refresh({ all = false, fresh = false, keep = true } = {}) {
  if ((fetching || document.hidden) && !fresh) {
    due = true;
    return;
  }
  fetching?.abort();
  const mine = (fetching = new AbortController());
  due = false;
  try {
    const held = journal && !all && isHeld(journal);
    const copy = await copyOf(held ? newest() : location.href, { signal: mine.signal });
    if (copy) show(copy, all, held, keep);
  } catch {
    // The next event brings another copy; a lost connection says so itself.
  }
  if (fetching !== mine) return;
  await new Promise((done) => setTimeout(done, rest));
  if (fetching !== mine) return;
  fetching = null;
  if (due || document.querySelector("[data-unfinished]")) refresh();
}

function show(copy, all, held, keep) {
  // An error beside the search field leaves the rows of the last search that was one.
  const invalid = find && copy.querySelector("#find[aria-invalid]");
  const changing = regions.filter((region) => (all || !isHeld(region)) && !(invalid && region === journal));
  put(copy, changing, keep);
  const refusal = copy.getElementById("refusal"); // what the page shows can no longer be shown
  const words = refusal && `Below is what this page showed before. ${copy.querySelector("h1").textContent}. ${refusal.textContent}`;
  shown("gone").hidden = !refusal || Boolean(shown("refusal"));
  if (refusal && shown("gone").textContent !== words) shown("gone").textContent = words;
  if (held) count(copy);
  else if (!paused || all) shown("news").hidden = true;
  tick();
}

/** Hears what `listen` tells. */
function hear(word) {
  if (word === "open" || word === "lost") {
    connected = word === "open";
    say();
    if (connected) refresh(); // it may have changed since it was made
  } else if (paused && !journal) changed(word);
  else refresh();
}

/** Listens to the stream that all pages of this browser share; where there is no such thing, to one of its own. */
function join() {
  if (alone) {
    leave = document.hidden ? () => {} : listen(hear);
    return;
  }
  const shared = new SharedWorker(new URL("./shared.js", import.meta.url), { type: "module" });
  shared.onerror = () => { alone = true; join(); };
  shared.port.onmessage = ({ data }) => hear(data);
  leave = () => shared.port.postMessage("bye");
}

/** A page that is seen again shows what it has missed. */
function turn() {
  if (alone) {
    leave();
    join();
  } else if (due && !document.hidden) refresh();
}

function pause() {
  paused = !paused;
  say();
  if (!paused) refresh({ all: !isOlder(), fresh: true });
}

function showNews() {
  if (isOlder()) location.assign(newest());
  else refresh({ all: true, fresh: true }).then(() => scrollTo({ top: 0 }));
}

/** Shows another address without leaving the page. */
async function go(address, isStep = false) {
  if (isStep) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  await refresh({ all: true, fresh: true, keep: false });
}

/** Says which exchanges the buttons act on: those that are ticked, or else those that the search has found. */
function tick() {
  if (!journal) return;
  const boxes = [...journal.querySelectorAll("input[name=x]")];
  for (const box of boxes) box.value = box.closest("tr").dataset.exchanges; // a folded line grows
  const ticked = boxes.filter((box) => box.checked);
  const number = ticked.flatMap((box) => box.value.split(" ")).length;
  shown("all").checked = number > 0 && ticked.length === boxes.length;
  shown("ticked").textContent = number ? `of ${number} ticked exchange${number === 1 ? "" : "s"}` : journal.dataset.found;
  shown("selection").elements.find.value = new URLSearchParams(location.search).get("find") ?? "";
}

function tickAll({ target }) {
  if (target.id === "all") for (const box of journal.querySelectorAll("input[name=x]")) box.checked = target.checked;
  tick();
}

function search() {
  const { action } = find.form;
  const query = new URLSearchParams(new FormData(find.form));
  for (const [key, value] of [...query]) if (!value.trim()) query.delete(key);
  go(`${action}${query.size ? "?" : ""}${query}`);
}

function searchWhileTyping() {
  const words = [...shown("words").options].map((option) => [option, option.value]);
  let typing = 0;
  find.addEventListener("input", (event) => {
    clearTimeout(typing);
    if (event.isComposing) return;
    typing = setTimeout(search, 250);
    // The browser completes the whole line, so each proposal begins with the terms that are there.
    const terms = find.value.slice(0, find.value.search(/\S*$/));
    for (const [option, word] of words) option.value = terms + word;
  });
}

// Links that change the search or unfold rows are addresses of this page, so they work without script, too.
function stay(event) {
  const link = event.target.closest?.("a[data-here]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  go(link.href, true);
  typed();
}

/** Writes the search of the address into its field. */
function typed() {
  find.value = new URLSearchParams(location.search).get("find") ?? "";
}

/** Lets real time run on between two copies of the page. */
function run() {
  if (paused || !connected) return;
  for (const clock of document.querySelectorAll("[data-runs]")) {
    const known = running.get(clock);
    const now = performance.now();
    if (known?.at !== clock.dataset.runs) running.set(clock, { at: clock.dataset.runs, since: now });
    const { at, since } = running.get(clock);
    clock.textContent = new Date(Date.parse(at) + now - since).toISOString().slice(0, 19).replace("T", " ");
  }
}

if (bar && regions.length) {
  setInterval(run, 1000);
  bar.hidden = false;
  shown("pause").addEventListener("click", pause);
  shown("news").addEventListener("click", showNews);
  document.addEventListener("click", stay);
  if (find && journal) searchWhileTyping();
  if (journal) shown("selection").addEventListener("change", tickAll);
  // Back and forward lead through the searches.
  if (journal) addEventListener("popstate", () => { typed(); go(location.href); });
  // Whoever is back at the top sees what has been counted.
  if (journal) addEventListener("scroll", () => { if (!shown("news").hidden && !isHeld(journal)) refresh(); }, { passive: true });
  tick();
  document.addEventListener("visibilitychange", turn);
  addEventListener("pagehide", () => leave());
  addEventListener("pageshow", ({ persisted }) => { if (persisted) join(); });
  join();
}
