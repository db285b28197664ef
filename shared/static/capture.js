// Capturing by keyboard: a digit chooses a part while the parts have the focus, Alt and the digit from anywhere.
(() => {
  "use strict";
  const choose = (digit) => {
    const radio = document.querySelector(`[data-digits] [data-digit="${digit}"]`);
    if (!radio) return false;
    radio.checked = true;
    radio.dispatchEvent(new Event("change", { bubbles: true }));
    return true;
  };
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey) return;
    const digit = /^Digit([1-9])$/.exec(event.code)?.[1];
    if (!digit || !(event.altKey || event.target.closest("[data-digits]"))) return;
    if (choose(digit)) event.preventDefault();
  });
})();
