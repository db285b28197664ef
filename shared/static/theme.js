// Before the first paint: light or dark. Loaded without `defer`, so that nothing flashes.
(() => {
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const paint = () => {
    const theme = root.dataset.theme;
    root.setAttribute("data-bs-theme", theme === "auto" ? (dark.matches ? "dark" : "light") : theme);
    root.dispatchEvent(new CustomEvent("acm:theme"));
  };
  root.classList.add("js");
  dark.addEventListener("change", paint);
  window.acmPaint = paint;
  paint();
})();
