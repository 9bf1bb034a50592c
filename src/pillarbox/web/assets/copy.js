"use strict";
// A "Copy" button beside each value. Without script a click on a value still selects all of it.
if (navigator.clipboard) {
  const said = document.getElementById("copied");
  for (const code of document.querySelectorAll("code[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.setAttribute("aria-label", "Copy " + code.dataset.copy);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
      said.textContent = code.dataset.copy + " copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    code.after(button);
  }
}
