// Passwords can be shown, and what is shown once can be copied. Without this file the fields work as they are.
(() => {
  "use strict";
  for (const button of document.querySelectorAll("[data-reveal]")) {
    const field = document.getElementById(button.dataset.reveal);
    const label = button.firstChild;
    const words = [label.textContent, button.dataset.hide];
    button.hidden = false;
    button.addEventListener("click", () => {
      const shown = field.type === "text";
      field.type = shown ? "password" : "text";
      label.textContent = words[shown ? 0 : 1];
      button.setAttribute("aria-pressed", String(!shown));
      field.focus();
    });
  }
  for (const button of document.querySelectorAll("[data-copy]")) {
    const field = document.getElementById(button.dataset.copy);
    field.addEventListener("focus", () => field.select());
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      field.select();
      try {
        await navigator.clipboard.writeText(field.value);
        button.querySelector("span").textContent = button.dataset.done;
      } catch { /* it is selected: the keyboard copies it */ }
    });
  }
})();
