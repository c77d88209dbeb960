// Shows the buttons with data-copy, the id of an element, and lets them copy its text.
"use strict";
async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const text = "value" in source ? source.value : source.textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    getSelection().selectAllChildren(source); // without permission, or not over TLS
    button.textContent = "Selected: press Ctrl+C";
    return;
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = button.dataset.label; }, 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});

for (const button of document.querySelectorAll("[data-copy]")) {
  button.dataset.label = button.textContent;
  button.setAttribute("aria-live", "polite");
  button.hidden = false;
}
