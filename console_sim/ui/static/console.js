// Loaded before the page is read, so that nothing moves; without script every control is shown and works.
"use strict";
document.documentElement.classList.add("scripted");

// Save Changes appears at the first change.
function offerSaving(control) {
  if (control.form?.querySelector(".save")) document.querySelector("main").classList.add("changed");
}

function differs(control) {
  if (control.options) {
    const given = [...control.options].findIndex((option) => option.defaultSelected);
    return control.selectedIndex !== Math.max(given, 0);
  }
  if (control.matches("[type=checkbox], [type=radio]")) return control.checked !== control.defaultChecked;
  return control.matches("[type=text], textarea") && control.value !== control.defaultValue;
}

// Approve and Deny above the list need a choice, as printed.
function enableDecisions() {
  const ticked = document.querySelector("[name=request]:checked");
  for (const button of document.querySelectorAll("[data-decides]")) button.disabled = !ticked;
}

// An error is about the value that was sent, so it goes when somebody types another one.
function forgetError(control) {
  control.removeAttribute("aria-invalid");
  document.getElementById(`${control.id}.error`)?.remove();
}

function tickAll(ticked) {
  for (const box of document.querySelectorAll("[type=checkbox][name=request]")) box.checked = ticked;
}

document.addEventListener("input", ({ target }) => {
  offerSaving(target);
  forgetError(target);
  if (target.matches("[data-all]")) tickAll(target.checked);
  enableDecisions();
});
window.addEventListener("pageshow", () => {
  // A browser that goes back fills in what was typed.
  for (const control of document.querySelectorAll(":is(input, select, textarea)")) if (differs(control)) offerSaving(control);
  enableDecisions();
});
