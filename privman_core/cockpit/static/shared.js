// One stream for all pages of a browser, which opens six connections to a server and no more.
import { listen } from "./stream.js";

const pages = new Set();
let state = ""; // the last that was said of the connection

addEventListener("connect", ({ ports: [page] }) => {
  pages.add(page);
  page.onmessage = () => pages.delete(page); // a page says only that it goes
  if (state) page.postMessage(state);
});

listen((word) => {
  if (word === "open" || word === "lost") state = word;
  for (const page of pages) page.postMessage(word);
});
