// Ticks every row of the list with the box below it.
const all = document.querySelector("[name=select_all]");
const boxes = () => [...document.querySelectorAll("#rows [name=selected]")];

// The server then acts on the ticked rows alone.
all?.removeAttribute("name");
all?.form.addEventListener("change", ({ target }) => {
  if (target === all) for (const box of boxes()) box.checked = all.checked;
  all.checked = boxes().length > 0 && boxes().every((box) => box.checked);
  all.indeterminate = !all.checked && boxes().some((box) => box.checked);
});
