// What every screen does in the browser: keep what is typed, search everywhere, themes, dialogs, panels.
// No inline handlers and no evaluated text: the content security policy allows neither. Every form also works
// without this file; then the browser sends it itself.
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const meta = (name) => $(`meta[name="${name}"]`)?.content ?? "";
  const word = (name) => $("#acm-words")?.dataset[name] ?? "";
  const person = meta("acm-person");
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // Not form.method: a field named "method" would stand in its place.
  const posts = (form) => form?.getAttribute("method")?.toLowerCase() === "post";

  // --- drafts: what was typed outlives a crash, a closed tab and a server that is down -------------------
  // One entry per person and form. Another person on the same browser has other keys and never sees them.
  const DRAFT_DAYS = 30;
  const draftKey = (form) => `acm.draft.${person || "nobody"}.${form.dataset.keep}`;
  const UNKEPT_TYPES = new Set(["password", "file", "search", "submit", "button", "image", "reset"]);
  const KEPT_HIDDEN = new Set(["idempotency_key", "version"]);

  // The key is kept so that a form sent again after a crash is stored once; the version, to see that it moved on.
  const kept = (control) => control.name && !UNKEPT_TYPES.has(control.type) && (control.type !== "hidden" || KEPT_HIDDEN.has(control.name));

  const read = (form) => {
    const fields = {};
    for (const control of form.elements) {
      if (!kept(control)) continue;
      fields[control.name] ??= [];
      if (control.type === "checkbox" || control.type === "radio") {
        if (control.checked) fields[control.name].push(control.value);
      } else if (control.type === "select-multiple") {
        fields[control.name].push(...[...control.selectedOptions].map((option) => option.value));
      } else fields[control.name].push(control.value);
    }
    return fields;
  };

  // What the chosen options of long lists say: such a list may offer others when the form is opened again.
  const chosenLabels = (form) => {
    const labels = {};
    for (const control of $$("select", form)) {
      if (kept(control)) labels[control.name] = [...control.selectedOptions].map((option) => [option.value, option.text]);
    }
    return labels;
  };

  const offer = (select, labels) => {
    for (const [value, text] of labels ?? []) {
      if (![...select.options].some((option) => option.value === value)) select.add(new Option(text, value));
    }
  };

  const write = (form, { fields, labels = {} }) => {
    const used = {};
    for (const control of form.elements) {
      if (!kept(control) || !(control.name in fields) || control.name === "version") continue;
      const values = fields[control.name];
      if (control.tagName === "SELECT") offer(control, labels[control.name]);
      if (control.type === "checkbox" || control.type === "radio") control.checked = values.includes(control.value);
      else if (control.type === "select-multiple") [...control.options].forEach((option) => { option.selected = values.includes(option.value); });
      else {
        const place = (used[control.name] = (used[control.name] ?? -1) + 1);
        if (place < values.length) control.value = values[place];
      }
    }
    $$("[data-picker]", form).forEach(countPicked);
  };

  const typedIn = (fields) => JSON.stringify(Object.entries(fields).filter(([name]) => !KEPT_HIDDEN.has(name)));

  const keepDraft = (form) => {
    try {
      localStorage.setItem(draftKey(form), JSON.stringify({ at: new Date().toISOString(), fields: read(form), labels: chosenLabels(form) }));
    } catch {
      notice(form, "warning", word("notKept"));
    }
  };
  const forgetDraft = (form) => { try { localStorage.removeItem(draftKey(form)); } catch { /* nothing was kept */ } };
  const draftOf = (form) => { try { return JSON.parse(localStorage.getItem(draftKey(form))); } catch { return null; } };

  const forgetOldDrafts = () => {
    try {
      const limit = Date.now() - DRAFT_DAYS * 86400000;
      for (const key of Object.keys(localStorage)) {
        if (key.startsWith("acm.draft.") && !(Date.parse(JSON.parse(localStorage.getItem(key)).at) > limit)) localStorage.removeItem(key);
      }
    } catch { /* a browser that keeps nothing has nothing old */ }
  };

  const restoreDraft = (form) => {
    const draft = draftOf(form);
    if (!draft || typedIn(draft.fields) === typedIn(read(form))) return;
    const fresh = read(form);
    write(form, draft);
    const time = new Date(draft.at).toLocaleString(document.documentElement.lang, { dateStyle: "short", timeStyle: "short" });
    const discard = make("button", { type: "button", className: "btn btn-sm ms-2", textContent: word("discard") });
    discard.addEventListener("click", () => {
      forgetDraft(form);
      form.reset();
      if (fresh.idempotency_key) form.elements.idempotency_key.value = fresh.idempotency_key[0];
      $$("[data-picker]", form).forEach(countPicked);
      notice(form, "info", word("discarded"));
    });
    const moved = draft.fields.version && fresh.version && draft.fields.version[0] !== fresh.version[0];
    notice(form, moved ? "warning" : "info", word("restored").replace("{time}", time) + (moved ? ` ${word("moved")}` : ""), discard);
  };

  const notice = (form, tone, text, ...more) => {
    const place = $("[data-form-notice]", form);
    if (!place) return null;
    const box = make("div", { className: `alert alert-${tone}`, tabIndex: -1 }, make("div", {}, text, ...more));
    box.setAttribute("role", tone === "info" ? "status" : "alert");
    place.replaceChildren(box);
    return box;
  };

  // --- sending a form: nothing is lost when the server cannot be reached ---------------------------------
  const sendKept = async (form, submitter) => {
    if (form.dataset.sending) return;
    form.dataset.sending = "1";
    keepDraft(form);
    const button = submitter ?? $("[type=submit]", form);
    const body = new FormData(form, submitter?.name ? submitter : undefined);
    if (button) { button.dataset.sentAs = button.innerHTML; button.disabled = true; button.textContent = word("sending"); }
    let leaving = false;
    try {
      let answer = await post(form, body);
      // The page outlived its session's form token: take a fresh one and send once more.
      if (answer.status === 400 && await renewToken(form)) {
        body.set("csrf_token", $("[name=csrf_token]", form).value);
        answer = await post(form, body);
      }
      leaving = await settle(form, answer);
    } catch {
      refuse(form, word("unreachable"));
    } finally {
      if (!leaving) release(form); // while the next page loads, a second press must not send again
    }
  };

  const release = (form) => {
    delete form.dataset.sending;
    $$("[data-sent-as]", form).forEach((button) => { button.disabled = false; button.innerHTML = button.dataset.sentAs; delete button.dataset.sentAs; });
  };

  const post = (form, body) =>
    fetch(form.getAttribute("action") || location.href, {
      method: "POST",
      headers: { "ACM-Form": "1", Accept: "text/html" },
      body: form.enctype === "multipart/form-data" ? body : new URLSearchParams(body),
      credentials: "same-origin",
    });

  const renewToken = async (form) => {
    const page = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
    if (!page.ok || page.redirected) return false;
    const fresh = new DOMParser().parseFromString(await page.text(), "text/html");
    // Somebody else signed in meanwhile: what this person typed is not sent in another's name.
    if ($('meta[name="acm-person"]', fresh)?.content !== person) return false;
    const token = $('meta[name="csrf-token"]', fresh)?.content;
    const field = $("[name=csrf_token]", form);
    if (!token || !field || token === field.value) return false;
    $$("[name=csrf_token]").forEach((each) => { each.value = token; });
    return true;
  };

  // Answers whether the page is being left.
  const settle = async (form, answer) => {
    const next = answer.headers.get("ACM-Location");
    if (answer.ok && next) {
      forgetDraft(form); // only now: the server said that it is stored
      location.assign(next);
      return true;
    }
    if (answer.status === 401) {
      const link = make("a", { href: `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`, target: "_blank", className: "alert-link ms-2", textContent: word("signIn") });
      refuse(form, word("signedOut"), link);
      return false;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const problem = $("[data-problem]", page);
    if (answer.status >= 500 || problem || !$("main", page)) {
      const said = [$("[data-problem-heading]", page), $("[data-problem-said]", page)].map((part) => part?.textContent.trim()).filter(Boolean);
      refuse(form, said.join(" – ") || word("unreachable"));
      return false;
    }
    // The same form again, with what to do about it.
    document.title = page.title;
    $("main").replaceChildren(...$("main", page).childNodes);
    prepare($("main"));
    window.htmx?.process($("main"));
    takeFocus();
    return false;
  };

  const refuse = (form, reason, ...more) => {
    const again = make("button", { type: "submit", className: "btn btn-sm btn-primary ms-2", textContent: word("retry") });
    const box = notice(form, "danger", make("strong", { textContent: word("unsaved") }), ` ${reason}`, ...more, again);
    box?.focus();
    box?.scrollIntoView({ block: "nearest" });
  };

  const takeFocus = () => $("[data-take-focus]")?.focus();

  document.addEventListener("input", (event) => { const form = event.target.form; if (form?.dataset.keep) keepDraft(form); });
  document.addEventListener("change", (event) => { const form = event.target.form; if (form?.dataset.keep) keepDraft(form); });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !posts(form)) return;
    if (form.dataset.keep && $("[data-form-notice]", form)) {
      event.preventDefault();
      sendKept(form, event.submitter);
    } else if (form.dataset.sending) event.preventDefault(); // a second press of the button
    else form.dataset.sending = "1";
  });
  window.addEventListener("pageshow", () => $$("form[data-sending]").forEach(release));

  // --- search everywhere: a combobox whose list may fail silently ---------------------------------------
  const searchBox = $("#acm-search");
  if (searchBox) {
    const list = $("#acm-suggestions");
    const source = searchBox.form.dataset.suggest;
    let waiting = 0;
    let request = null;
    const options = () => $$("[role=option]", list);
    const show = (open) => {
      list.classList.toggle("show", open);
      searchBox.setAttribute("aria-expanded", String(open));
      if (!open) searchBox.removeAttribute("aria-activedescendant");
    };
    const choose = (option) => {
      options().forEach((each) => each.setAttribute("aria-selected", String(each === option)));
      if (option) { searchBox.setAttribute("aria-activedescendant", option.id); option.scrollIntoView({ block: "nearest" }); }
      else searchBox.removeAttribute("aria-activedescendant");
    };
    const chosen = () => $('[aria-selected="true"]', list);
    const ask = async () => {
      request?.abort();
      const text = searchBox.value.trim();
      if (!text) { show(false); return; }
      request = new AbortController();
      try {
        const answer = await fetch(`${source}?q=${encodeURIComponent(text)}`, { headers: { "HX-Request": "true" }, signal: request.signal, credentials: "same-origin" });
        const html = answer.ok ? await answer.text() : "";
        list.innerHTML = html;
        options().forEach((option, place) => { option.id = `acm-suggestion-${place}`; });
        show(options().length > 0 && document.activeElement === searchBox);
      } catch { show(false); }
    };
    searchBox.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(ask, 120); });
    searchBox.addEventListener("blur", () => setTimeout(() => show(false), 150));
    searchBox.addEventListener("keydown", (event) => {
      const all = options();
      if (event.key === "Escape") { if (list.classList.contains("show")) { event.preventDefault(); show(false); } else searchBox.blur(); return; }
      if (event.key === "Enter" && list.classList.contains("show") && chosen()) { event.preventDefault(); location.assign(chosen().dataset.url); return; }
      if (!["ArrowDown", "ArrowUp"].includes(event.key) || !all.length) return;
      event.preventDefault();
      show(true);
      const place = all.indexOf(chosen()) + (event.key === "ArrowDown" ? 1 : -1);
      choose(all[place < -1 ? all.length - 1 : place] ?? null);
    });
    list.addEventListener("mousedown", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) { event.preventDefault(); location.assign(option.dataset.url); }
    });
  }

  const typing = (element) => element.closest("input, textarea, select, [contenteditable]") !== null;
  document.addEventListener("keydown", (event) => {
    if (event.isComposing) return; // a Chinese input method is at work
    const control = event.ctrlKey || event.metaKey;
    if (searchBox && ((event.key === "/" && !control && !event.altKey && !typing(event.target)) || (control && event.key.toLowerCase() === "k"))) {
      event.preventDefault();
      searchBox.focus();
      searchBox.select();
    } else if (control && event.key === "Enter" && posts(event.target.form)) {
      event.preventDefault();
      event.target.form.requestSubmit();
    }
  });

  // --- small things ------------------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-set-theme], [data-dialog], [data-dialog-close]");
    if (!target) return;
    if (target.dataset.setTheme) {
      event.preventDefault();
      const secure = location.protocol === "https:" ? "; Secure" : "";
      document.cookie = `acm_theme=${target.dataset.setTheme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
      document.documentElement.dataset.theme = target.dataset.setTheme;
      $$("[data-set-theme]").forEach((each) => {
        each.classList.toggle("active", each === target);
        each === target ? each.setAttribute("aria-current", "true") : each.removeAttribute("aria-current");
      });
      window.acmPaint();
    } else if (target.dataset.dialog) document.getElementById(target.dataset.dialog).showModal();
    else target.closest("dialog").close();
  });

  // On a phone the menu is a dialog and has a name; on a wide screen it is no part of its own.
  const menu = $("#menu");
  menu?.addEventListener("show.bs.offcanvas", () => menu.setAttribute("aria-label", menu.dataset.label));
  menu?.addEventListener("hidden.bs.offcanvas", () => menu.removeAttribute("aria-label"));

  // A panel of another service that does not answer leaves a quiet word, and the page stands.
  const missing = (event) => {
    const panel = event.target.closest?.("[data-panel]");
    if (panel) panel.replaceChildren(make("p", { className: "text-secondary m-0", textContent: word("panelMissing") }));
  };
  document.addEventListener("htmx:response:error", missing);
  document.addEventListener("htmx:error", missing);
  document.addEventListener("htmx:config:request", (event) => {
    event.detail.ctx.request.headers["X-CSRFToken"] = meta("csrf-token");
  });
  document.addEventListener("htmx:after:swap", (event) => prepare(event.target.closest ? event.target : document));

  function countPicked(picker) {
    const count = $$("input[type=checkbox]:checked", picker).length;
    $("[data-picker-count]", picker).textContent = count ? word("chosen").replace("{count}", count) : "";
  }
  const preparePicker = (picker) => {
    const filter = $("[data-picker-filter]", picker);
    filter.hidden = $$(".form-check", picker).length < 8;
    filter.addEventListener("input", () => {
      const wanted = filter.value.trim().toLowerCase();
      $$(".form-check", picker).forEach((row) => { row.hidden = !row.textContent.toLowerCase().includes(wanted); });
    });
    picker.addEventListener("change", () => countPicked(picker));
    countPicked(picker);
  };

  // A form that came in another's place (a merge) holds what was typed there: that draft must not come back over it.
  const takeOver = (form) => {
    try { localStorage.removeItem(`acm.draft.${person || "nobody"}.${form.dataset.keepInstead}`); } catch { /* nothing was kept */ }
    keepDraft(form);
  };

  const prepare = (root) => {
    $$("form[data-keep-instead]", root).forEach(takeOver);
    $$("[data-picker]", root).forEach(preparePicker);
    $$("form[data-keep]", root).forEach(restoreDraft);
  };

  const fadeToasts = () => $$('.toast[data-toast="success"]').forEach((toast) => {
    const hide = () => { if (!toast.matches(":hover, :focus-within")) toast.remove(); else setTimeout(hide, 4000); };
    setTimeout(hide, 8000);
  });

  forgetOldDrafts();
  prepare(document);
  takeFocus();
  fadeToasts();
})();
