// Writing proposals: sections are saved while they are typed, findings are taken in from search, cards are dragged.
// Without this file every section has its own button, and every step is a button on the proposal's page.
(() => {
  "use strict";
  const PAUSE = 1200; // after the last keystroke
  const AGAIN = 5000; // after the server could not be reached
  const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";
  const editor = document.getElementById("acm-editor");
  const words = editor ? JSON.parse(editor.dataset.words) : {};
  const states = new WeakMap();

  const said = (form) => ({
    heading: form.elements.heading.value,
    body: form.elements.body.value,
    citations: [...form.querySelectorAll("[name=citations]:checked")].map((box) => box.value),
  });
  const tell = (form, text) => { form.querySelector("[data-saved]").textContent = text; };
  const forget = (form) => { try { localStorage.removeItem(`acm.draft.${meta("acm-person") || "nobody"}.${form.dataset.keep}`); } catch { /* nothing was kept */ } };

  // The page's token may have been replaced while it was open (a panel of another page came first, a new sign-in).
  const renewToken = async () => {
    try {
      const page = await fetch(location.pathname, { headers: { Accept: "text/html" }, credentials: "same-origin" });
      if (!page.ok || page.redirected) return false;
      const fresh = new DOMParser().parseFromString(await page.text(), "text/html");
      const found = (name) => fresh.querySelector(`meta[name="${name}"]`)?.content ?? "";
      // Somebody else signed in meanwhile: what this person typed is not sent in another's name.
      if (!found("csrf-token") || found("acm-person") !== meta("acm-person")) return false;
      document.querySelector('meta[name="csrf-token"]').content = found("csrf-token");
      document.querySelectorAll("[name=csrf_token]").forEach((field) => { field.value = found("csrf-token"); });
      return true;
    } catch { return false; }
  };

  // One request at a time for each section: the next starts from the version that the last one answered.
  const save = async (form) => {
    const state = states.get(form);
    if (state.busy || state.stale) return;
    const sent = JSON.stringify(said(form));
    if (sent === state.saved) { tell(form, ""); return; }
    state.busy = true;
    tell(form, words.saving);
    let answer = null;
    try {
      answer = await fetch(form.dataset.autosave, {
        method: "PATCH",
        credentials: "same-origin",
        headers: { "Content-Type": "application/json", "If-Match": `"${form.elements.version.value}"`, "X-CSRFToken": meta("csrf-token") },
        body: sent,
      });
    } catch { /* not reached: told below */ }
    state.busy = false;
    if (answer?.ok) {
      const section = await answer.json();
      form.elements.version.value = section.version;
      state.saved = sent;
      state.renewed = false;
      tell(form, words.saved.replace("{time}", new Date().toLocaleTimeString(document.documentElement.lang)));
      if (JSON.stringify(said(form)) === sent) forget(form);
      else plan(form);
    } else if (answer?.status === 412) {
      state.stale = true; // its button leads to the merge of both texts
      tell(form, words.stale);
    } else if (answer && answer.status < 500 && answer.status !== 401) {
      const problem = await answer.json().catch(() => ({}));
      if (problem.type?.endsWith(":form-expired") && !state.renewed && await renewToken()) {
        state.renewed = true; // once: then its reader is told
        await save(form);
        return;
      }
      tell(form, `${words.refused}: ${[problem.detail ?? problem.title, ...(problem.errors ?? []).map((one) => one.message)].filter(Boolean).join(" ")}`);
    } else {
      tell(form, words.waiting);
      clearTimeout(state.timer);
      state.timer = setTimeout(() => save(form), AGAIN);
    }
  };
  const plan = (form) => {
    const state = states.get(form);
    clearTimeout(state.timer);
    state.timer = setTimeout(() => save(form), PAUSE);
  };

  const prepare = (form) => {
    // What the server has; a draft that was restored into the form differs from it and is saved.
    states.set(form, { saved: null, busy: false, stale: false, renewed: false, timer: 0 });
    form.addEventListener("input", (event) => { if (event.target.name !== "q") plan(form); });
    form.addEventListener("change", (event) => { if (event.target.name !== "q") plan(form); });
  };
  document.querySelectorAll("form[data-autosave]").forEach(prepare);
  window.addEventListener("online", () => document.querySelectorAll("form[data-autosave]").forEach((form) => { if (states.get(form).timer) save(form); }));

  // Enter in a search box inside a form must not send the form.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches?.("[data-pick-panel] input[type=search]")) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-pick]");
    if (!chosen) return;
    const form = chosen.closest("form");
    const list = form.querySelector("[data-citations] > ul");
    let box = [...list.querySelectorAll("[name=citations]")].find((one) => one.value === chosen.dataset.pick);
    if (!box) {
      const row = document.createElement("li");
      const label = Object.assign(document.createElement("label"), { className: "form-check" });
      box = Object.assign(document.createElement("input"), { type: "checkbox", name: "citations", value: chosen.dataset.pick, className: "form-check-input" });
      const text = Object.assign(document.createElement("span"), { className: "form-check-label", textContent: chosen.dataset.pickTitle });
      label.append(box, text);
      row.append(label);
      list.append(row);
    }
    box.checked = true;
    box.dispatchEvent(new Event("change", { bubbles: true }));
    box.focus();
  });

  // The board: a card goes only where the workflow leads; what is done there is confirmed on its page.
  let dragged = null;
  document.addEventListener("dragstart", (event) => {
    const card = event.target.closest?.("[data-moves]");
    if (!card) return;
    dragged = JSON.parse(card.dataset.moves);
    event.dataTransfer.effectAllowed = "move";
    document.querySelectorAll("[data-column]").forEach((column) => column.classList.toggle("acm-board-open", column.dataset.column in dragged));
  });
  document.addEventListener("dragover", (event) => {
    const column = event.target.closest?.("[data-column]");
    if (dragged && column && column.dataset.column in dragged) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    const column = event.target.closest?.("[data-column]");
    if (!dragged || !column || !(column.dataset.column in dragged)) return;
    event.preventDefault();
    location.assign(dragged[column.dataset.column]);
  });
  document.addEventListener("dragend", () => {
    dragged = null;
    document.querySelectorAll(".acm-board-open").forEach((column) => column.classList.remove("acm-board-open"));
  });

  const asked = new URLSearchParams(location.search).get("do");
  if (asked) document.getElementById(`do-${asked}`)?.showModal?.();
})();
