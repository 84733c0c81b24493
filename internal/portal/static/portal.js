// What spares people a reload. Every page works without it.
"use strict";

(() => {
  const ask = { headers: { "HX-Request": "true" } };

  // Where the ways to the pages do not all fit, the one that is open is among those in sight.
  const nav = document.querySelector(".bar nav"), open = nav?.querySelector("[aria-current]");
  if (open) nav.scrollLeft = open.offsetLeft - nav.offsetLeft - (nav.clientWidth - open.offsetWidth) / 2;

  // What a script asked for and did not get is said in words, with a way on. Nothing leads away from the page: what is typed would be gone.
  const wordsFor = (status, text) => {
    const words = document.getElementById(status === 401 ? "signed-out" : "unreached");
    return text && status !== 401 || !words ? text ?? "" : words.content.cloneNode(true);
  };
  const alertOf = (...what) => {
    const said = document.createElement("p");
    said.className = "wrong unsent";
    said.setAttribute("role", "alert");
    said.append(...what);
    return said;
  };
  const untell = (form) => { for (const said of form?.querySelectorAll(".unsent") ?? []) said.remove(); };
  // tell says it in a form, below the buttons or the field that asked.
  const tell = (at, what) => {
    untell(at.closest("form"));
    (at.closest(".buttons, .field") ?? at).after(alertOf(what));
  };
  const plainly = (headers, text) => headers?.get("Content-Type")?.startsWith("text/plain") ? text : undefined;
  document.addEventListener("htmx:before:request", (event) => untell(event.detail.ctx.sourceElement.closest("form")));
  for (const kind of ["htmx:response:error", "htmx:error"]) document.addEventListener(kind, ({ detail: { ctx } }) => {
    const asked = ctx?.sourceElement;
    if (!asked?.closest("form")) return; // nobody asked: the page asks again by itself
    tell(asked, wordsFor(ctx.response?.status, plainly(ctx.response?.headers, ctx.text)));
  });

  // A form that is sent to a console which does not answer would end on the browser's own page, and what was typed be gone. Where the connection is
  // broken, the console is asked for first, and the form sent once, when it answers.
  const patience = 10_000; // milliseconds
  const asking = new WeakSet();
  let sure = null; // the form that is sent at this moment
  document.addEventListener("submit", async (event) => {
    const { target: form, submitter } = event;
    if (form === sure || event.defaultPrevented || form.method !== "post" || !lost || (!gone && navigator.onLine)) return;
    event.preventDefault();
    if (asking.has(form)) return;
    asking.add(form);
    const answer = await fetch("/account", { ...ask, signal: AbortSignal.timeout(patience) }).catch(() => null);
    asking.delete(form);
    if (!form.isConnected || submitter && submitter.form !== form) return; // the page shows another one by now
    if (!answer || answer.status === 401) { tell(submitter ?? form.querySelector("button"), wordsFor(answer?.status)); return; }
    sure = form;
    form.requestSubmit(submitter);
    sure = null;
  });

  // A number opens the reasons for it beside the page. The page's place in the history keeps which, and where the reader was in there: who follows
  // a link of the panel and comes back finds it as it was.
  const panel = document.getElementById("why");
  const links = () => [...panel.querySelectorAll("#why-body a")];
  const note = (why) => history.replaceState({ ...history.state, why }, "");
  const noteOpen = (link) => note({ of: panel.dataset.of, top: panel.scrollTop, at: links().indexOf(link) });
  const openWhy = async (of, was) => {
    const answer = await fetch(of, ask).catch(() => null), body = document.getElementById("why-body");
    if (!answer || answer.status === 401) {
      body.replaceChildren(alertOf(wordsFor(answer?.status)));
      if (!panel.open) panel.showModal();
      return true;
    }
    if (!answer.ok) return false;
    body.innerHTML = await answer.text();
    panel.dataset.of = of;
    panel.showModal();
    panel.scrollTop = was?.top ?? 0;
    links()[was?.at]?.focus({ preventScroll: true });
    noteOpen(document.activeElement);
    return true;
  };
  document.addEventListener("click", async (event) => {
    const inside = event.target.closest("#why-body a");
    if (inside) noteOpen(inside);
    const link = event.target.closest("a[data-why]");
    if (!link || !panel || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    if (!await openWhy(link.href)) location.href = link.href;
  });
  panel?.addEventListener("close", () => note(undefined));
  const whyWas = panel && history.state?.why;
  if (whyWas) {
    [...document.querySelectorAll("a[data-why]")].find((a) => a.href === whyWas.of)?.focus({ preventScroll: true }); // where closing leads back to
    openWhy(whyWas.of, whyWas);
  }

  // Of many, those are suggested whose names fit what is typed. A whole name or a number does without.
  let typing = 0;
  document.addEventListener("input", (event) => {
    const field = event.target.closest("input[data-suggest]");
    if (!field) return;
    clearTimeout(typing);
    typing = setTimeout(async () => {
      const typed = field.value;
      const answer = await fetch(field.dataset.suggest + "?part=" + encodeURIComponent(typed), ask).catch(() => null);
      if (answer?.status === 401) tell(field, wordsFor(401));
      const found = answer?.ok ? await answer.json().catch(() => []) : [];
      if (field.value !== typed || !field.list) return;
      for (const old of field.list.querySelectorAll("option:not([data-other])")) old.remove();
      field.list.append(...found.map((one) => Object.assign(document.createElement("option"), { value: one.name, label: `#${one.id}` })));
    }, 150);
  });

  // A file goes into the field that can be typed into, to be looked at before it is sent.
  for (const file of document.querySelectorAll("input[data-into]")) {
    file.addEventListener("change", async () => {
      document.getElementById(file.dataset.into).value = await file.files[0]?.text() ?? "";
    });
  }

  // What is shown once is copied whole. Where that is not allowed, it is marked, to be copied by hand.
  for (const button of document.querySelectorAll("button[data-copy]")) button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copy), said = button.nextElementSibling;
    said.textContent = ""; // what is said again is read out again
    field.select();
    const copied = navigator.clipboard && await navigator.clipboard.writeText(field.value).then(() => true, () => false);
    if (copied) said.textContent = button.dataset.copied;
  });

  // While a connection is tested anew, what came of it before is not shown: it is not about what is typed now.
  const test = (on) => {
    const tested = document.getElementById("tested");
    if (!tested) return;
    tested.ariaBusy = on ? "true" : null;
    document.getElementById("testing").hidden = !on;
  };
  // What came of a test is about what was typed then: with another account it says nothing any more, and at another place no certificate is confirmed.
  const place = ["url", "fingerprint", "ca", "insecure"], login = ["credential", "username", "password", "product"];
  const typedIn = (form, names) => JSON.stringify(names.map((name) => [...form.elements].filter((x) => x.name === name && !x.closest("#tested")).map((x) => x.type === "checkbox" ? x.checked : x.value.trim())));
  let sent = {}, about = null; // what was sent to be tested, and what that is about which stands there
  const compare = () => {
    const tested = document.getElementById("tested"), form = tested?.closest("form");
    if (!form) return;
    const now = { place: typedIn(form, place), login: typedIn(form, login) };
    about ??= now;
    const other = now.place !== about.place ? "place" : now.login !== about.login ? "login" : null;
    if (other && tested.children.length > 0) tested.dataset.otherwise = other; else delete tested.dataset.otherwise;
    document.getElementById("outdated").hidden = !tested.dataset.otherwise;
  };
  for (const kind of ["input", "change"]) document.addEventListener(kind, compare);
  compare();
  document.addEventListener("htmx:before:request", (event) => {
    const { target } = event.detail.ctx;
    if (target?.id !== "tested") return;
    const form = target.closest("form");
    sent = { place: typedIn(form, place), login: typedIn(form, login) };
    document.getElementById("outdated").hidden = true;
    test(true);
  });
  document.addEventListener("htmx:finally:request", () => { test(false); compare(); });

  // Where a script sent a form, what is wrong comes with what came of it, with links to its fields: it goes above the form, to each field and into
  // the title, as on a page that is loaded, and a keyboard goes to the first.
  const described = (field) => (field.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && !id.endsWith("-wrong"));
  const describe = (field, ids) => { if (ids.length > 0) field.setAttribute("aria-describedby", ids.join(" ")); else field.removeAttribute("aria-describedby"); };
  const unmark = (form, tested) => {
    const old = [...form.querySelectorAll(":scope > .wrong[role=alert], .field > .fault, [aria-invalid]")].filter((one) => !tested.contains(one));
    for (const one of old) {
      if (!one.matches("[aria-invalid]")) { one.remove(); continue; }
      one.removeAttribute("aria-invalid");
      describe(one, described(one));
    }
    if (document.title.startsWith(tested.dataset.wrong)) document.title = document.title.slice(tested.dataset.wrong.length);
  };
  const mark = (tested, link) => {
    const field = document.getElementById(link.hash.slice(1));
    if (!field || tested.contains(field)) return field; // with what came of it, it is said already
    const item = link.parentElement.cloneNode(true), id = field.id + "-wrong";
    item.querySelector("a").remove();
    let said = document.getElementById(id);
    if (!said) {
      said = Object.assign(document.createElement("p"), { className: "fault", id });
      field.closest(".field").append(said);
    }
    said.append(item.textContent.trim(), document.createElement("br"));
    if (!field.matches("fieldset")) field.setAttribute("aria-invalid", "true");
    describe(field, [...described(field), id]);
    return field;
  };
  document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
    const tested = document.getElementById("tested"), form = tested?.closest("form");
    test(false); // what asked for it may be gone with what was there before
    if (!form || ctx?.target !== tested || ctx.swap === "none") return;
    about = sent;
    compare();
    unmark(form, tested);
    const wrong = tested.querySelector(":scope > .wrong[role=alert]");
    if (!wrong) return;
    form.prepend(wrong);
    document.title = tested.dataset.wrong + document.title;
    const fields = [...wrong.querySelectorAll("a[href^='#']")].map((link) => mark(tested, link)).filter(Boolean);
    const first = fields[0] ?? wrong;
    first.focus();
    (first.closest(".field") ?? first).scrollIntoView({ block: "nearest" }); // with the words below it
  });

  // What changes at the console changes here. A page listens while somebody sees it: a browser has few connections to one host,
  // and hidden pages would keep the others waiting.
  const lost = document.getElementById("lost"), out = document.getElementById("out");
  const refreshEvery = 2000; // milliseconds
  const restFor = 10; // times as long as an answer took: what takes long is asked for rarely
  const lostAfter = 5000;
  const company = document.getElementById("live-head")?.dataset.company; // whose page it is
  let due = 0, next = 0, gone = 0, late = false, concerned = false;

  // What somebody is at stays as it is: what is typed, chosen or opened, and what was refused.
  const typed = (field) => {
    if (field.matches("[type=checkbox], [type=radio]")) return field.checked !== field.defaultChecked;
    if (!field.matches("select")) return field.value !== field.defaultValue;
    const chosen = [...field.options].findIndex((o) => o.defaultSelected);
    return field.selectedIndex !== Math.max(0, chosen);
  };
  const inUse = (part) => Boolean(document.querySelector("dialog[open]") || part.querySelector("details[open], [role=alert]")
    || part.contains(document.activeElement) && document.activeElement.closest("form")
    || [...part.querySelectorAll("input, select, textarea")].some(typed));
  const liveParts = () => [...document.querySelectorAll("[id^=live][data-live]")];

  // What counts many days of a company (data-live="company", data-follow) is asked for where that company is concerned, not because of others.
  const refresh = (of) => {
    clearTimeout(due);
    concerned ||= of !== "others";
    due = setTimeout(async () => {
      const begun = Date.now(), whole = concerned;
      next = begun + refreshEvery;
      const parts = liveParts();
      late = parts.some(inUse);
      if (!whole && parts.some((part) => part.dataset.live === "company")) return;
      concerned = false;
      document.dispatchEvent(new Event("refresh"));
      if (whole) for (const chart of document.querySelectorAll("[data-follow]")) htmx.trigger(chart, "follow");
      if (parts.every(inUse)) return;
      const answer = await fetch(location.href, { headers: { ...ask.headers, "HX-Target": "live" } }).catch(() => null);
      if (answer?.status === 503) refresh(); // it has too much to do now
      if (!answer?.ok || answer.redirected) return;
      next = Math.max(next, begun + restFor * (Date.now() - begun));
      const now = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of liveParts()) {
        const then = now.getElementById(part.id);
        if (!then) continue;
        if (inUse(part)) late = true; // it came to be while the answer was on its way
        else await htmx.swap({ sourceElement: part, target: part, text: then.outerHTML, swap: "outerMorph" });
      }
    }, Math.max(100, next - Date.now()));
  };
  for (const left of ["focusout", "toggle", "close"]) document.addEventListener(left, () => { if (late) refresh(); }, true);
  // Of all pages that are seen, one listens and tells the others: a browser has few connections to one host, and each stream keeps one.
  const others = new BroadcastChannel("live");
  let leave = null; // ends this page's listening, or its waiting for its turn
  const heard = () => {
    clearTimeout(gone);
    gone = 0;
    out.hidden = true;
    if (!lost.hidden) { lost.hidden = true; refresh(); }
  };
  const missed = () => { if (!gone) gone = setTimeout(() => { lost.hidden = false; }, lostAfter); };
  const changed = (about) => {
    heard();
    refresh(!company || about === "*" || about.split(" ").includes(company) ? company : "others");
  };
  const hear = { heard, missed, changed };
  const spread = (what, about) => { hear[what](about); others.postMessage([what, about]); };
  others.addEventListener("message", (event) => { const [what, about] = event.data; if (leave) hear[what](about); });

  // Who is not signed in any more is told so, where something is typed, and else is led to where one signs in.
  const isOut = async () => {
    const answer = await fetch("/account", ask).catch(() => null);
    if (answer?.status !== 401) return false;
    clearTimeout(gone);
    if ([...document.querySelectorAll("main form")].some(inUse)) { lost.hidden = true; out.hidden = false; } else location.reload();
    return true;
  };
  const stream = (waited) => new Promise((left) => {
    const source = new EventSource(waited ? "/live" : "/live?seen=" + (document.body.dataset.seen ?? ""));
    let again = 0, afresh = waited; // what happened before it was open, nobody was told
    leave = () => { clearTimeout(again); source.close(); left(); };
    source.addEventListener("open", () => { spread(...(afresh ? ["changed", "*"] : ["heard"])); afresh = false; });
    source.addEventListener("changed", (event) => spread("changed", event.data));
    source.addEventListener("error", () => {
      afresh = true;
      spread("missed");
      if (source.readyState !== EventSource.CLOSED) return; // it tries again by itself
      again = setTimeout(async () => { // refused: perhaps nobody is signed in any more
        const over = await isOut();
        left();
        leave = null;
        if (!over) listen(true);
      }, refreshEvery);
    });
  });
  const listen = (waited = false) => {
    if (leave || document.hidden) return;
    const wait = new AbortController();
    leave = () => wait.abort();
    let held = false;
    navigator.locks.request("live", { ifAvailable: true }, (lock) => { held = Boolean(lock); return lock && stream(waited); })
      .then(() => held || navigator.locks.request("live", { signal: wait.signal }, () => stream(true)))
      .catch(() => {}); // it is not seen any more
  };
  const follow = () => {
    if (document.hidden) { leave?.(); leave = null; } else { listen(); refresh(); }
  };
  if (lost && document.body.classList.contains("in")) {
    document.addEventListener("visibilitychange", follow);
    addEventListener("pagehide", () => { leave?.(); leave = null; });
    addEventListener("pageshow", (event) => { if (event.persisted) follow(); });
    listen();
  }
})();
