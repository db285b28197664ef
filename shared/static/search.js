// Moves through what a search found: j and ArrowDown on, k and ArrowUp back; Enter opens, as on any link.
(() => {
  const hits = [...document.querySelectorAll("[data-hit]")];
  const narrow = document.querySelector("[data-narrow]");
  if (narrow && matchMedia("(max-width: 991.98px)").matches) narrow.open = false;
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };
  document.addEventListener("keydown", (event) => {
    if (!(event.key in step) || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || !hits.length) return;
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (typing && !(typing.id === "q" && event.key === "ArrowDown")) return;
    const place = hits.indexOf(document.activeElement);
    // Arrows scroll the page until somebody is among the hits.
    if (place < 0 && event.key.startsWith("Arrow") && !typing) return;
    const next = hits[Math.min(Math.max(place + step[event.key], 0), hits.length - 1)];
    event.preventDefault();
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  });
})();
