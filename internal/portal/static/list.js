// Long lists. The server gives them in sheets of a hundred rows, which are put in in parts of a few, one a frame. The document has the parts near to
// what is seen; where the others are, it has a space of their height, so that a frame's work does not grow with the list. Without this
// script, links lead from sheet to sheet.
"use strict";

(() => {
  const ask = { headers: { "HX-Request": "true", "HX-Target": "rows" } };
  const near = 1200; // pixels around what is seen that are there
  const few = 10; // rows are laid out and painted at once; a sheet has a whole number of such parts
  const pumpEvery = 80; // milliseconds between requests while a list runs past
  const kept = 400; // parts that were seen are kept so many
  const words = () => document.getElementById("list-failed");
  let list = null;

  const parse = (text) => {
    const t = document.createElement("template");
    t.innerHTML = text;
    return t.content.querySelector("tbody[data-list]");
  };
  let out = false; // nobody is signed in any more
  const bring = async (address, signal) => {
    const answer = await fetch(address, { ...ask, signal }).catch(() => null);
    if (!signal.aborted) out = answer?.status === 401;
    return answer?.ok && !answer.redirected ? parse(await answer.text().catch(() => "")) : null;
  };
  // why says why rows did not come.
  const why = () => {
    const said = words().content.querySelector("[role=alert]").cloneNode(true);
    const signedOut = out && document.getElementById("signed-out");
    if (signedOut) said.replaceChildren(signedOut.content.cloneNode(true));
    return said;
  };
  const failedRow = (columns, again) => {
    const row = words().content.cloneNode(true).firstElementChild;
    row.querySelector("[role=alert]").replaceWith(why());
    row.cells[0].colSpan = columns;
    row.querySelector("button").addEventListener("click", again);
    return row;
  };
  const heightOf = (element) => element.getBoundingClientRect().height;

  class List {
    constructor(body, place) {
      this.table = body.closest("table");
      this.live = "live" in body.dataset;
      this.columns = this.table.tHead.rows[0].cells.length;
      this.table.tHead.rows[0].ariaRowIndex = "1";
      this.address = new URL(body.dataset.list, location.href);
      this.step = Number(body.dataset.step);
      this.size = body.rows.length > few && body.querySelector("tr.next") ? few : this.step;
      this.parts = [];
      this.end = 0; // how many rows the parts have
      this.sheets = [];
      this.seen = [];
      this.ready = []; // sheets that came, one a frame
      this.asked = 0;
      this.pumped = 0;
      this.place = null;
      for (const old of [...this.table.tBodies]) if (old !== body) old.remove();
      const from = Number(body.dataset.from);
      this.rowHeight = heightOf(body) / Math.max(1, body.rows.length);
      this.count(Number(body.dataset.of));
      const sheet = this.sheets[from / this.step] ?? this.sheets[0];
      this.adopt(sheet, body);
      for (const p of this.of(sheet)) { p.shown = Boolean(p.body); this.touch(p); }
      this.sizes = new ResizeObserver(() => this.resized());
      this.sizes.observe(this.table);
      this.render(null);
      if (place) this.restore(this.goal = place);
      else if (from > 0) this.restore({ row: from, top: 0 });
      this.update();
    }

    // count makes sheets and parts for so many rows; of -1, nobody knows how many follow.
    count(rows) {
      this.rows = rows;
      this.table.ariaRowCount = String(rows < 0 ? -1 : rows + 1);
      const sheets = rows < 0 ? Math.max(1, this.sheets.length) : Math.max(1, Math.ceil(rows / this.step));
      for (const sheet of this.sheets.splice(sheets)) this.cancel(sheet);
      for (let k = 0; k < sheets; k++) this.sheets[k] ??= this.sheet(k, null);
      this.divide(rows < 0 ? Math.max(this.end, this.step) : rows);
    }

    // divide makes parts of so many rows.
    divide(rows) {
      this.end = rows;
      const parts = Math.max(1, Math.ceil(rows / this.size));
      this.parts.length = Math.min(this.parts.length, parts);
      for (let k = 0; k < parts; k++) {
        const from = k * this.size;
        const p = this.parts[k] ??= { k, from, rows: 0, sheet: this.sheets[Math.floor(from / this.step)], height: 0, body: null, near: false, shown: false, failed: false };
        p.rows = Math.min(this.size, rows - from);
      }
    }

    sheet(k, address) {
      const to = new URL(this.address);
      if (k > 0) to.searchParams.set("from", String(k * this.step));
      return { k, from: k * this.step, address: address ?? to, request: null, failed: false };
    }

    of(sheet) { return this.parts.filter((p) => p.sheet === sheet); }

    // adopt takes the rows of a sheet that came: into parts that have none, and what differs into the others.
    adopt(sheet, body) {
      const next = body.querySelector("tr.next"), more = next?.querySelector("a[rel=next]");
      next?.remove();
      sheet.failed = false;
      if (this.rows < 0) { // now it is known how many it has
        if (more) this.follows(sheet, new URL(more.href, location.href));
        if (!this.sheets[sheet.k + 2]) this.divide(sheet.from + (more ? 2 * this.step : body.rows.length));
      }
      // Rows that are none of the list: what a form shows above it, or that there is none.
      const extra = this.rows === 0 ? body.rows.length : Math.max(0, body.rows.length - this.step);
      const all = [...body.rows], parts = this.of(sheet);
      all.forEach((row, i) => { if (i >= extra) row.ariaRowIndex = String(sheet.from + i - extra + 2); });
      let at = 0;
      for (const p of parts) {
        const rows = all.slice(at, at += p.rows + (p === parts[0] ? extra : 0));
        if (p.shown && p.body?.querySelector("details[open]")) { this.late = true; continue; }
        if (p.body && !p.failed && this.same(p, rows)) continue;
        const piece = p === parts[0] ? body : body.cloneNode(false);
        if (p.k > 0) piece.removeAttribute("id");
        this.put(p, piece, rows);
      }
    }

    // follows says where the sheet behind one is. Where that is another place than before, other rows are on it.
    follows(sheet, address) {
      const next = this.sheets[sheet.k + 1] ??= this.sheet(sheet.k + 1, address);
      if (next.address.href === address.href) return;
      this.cancel(next);
      next.address = address;
      const parts = this.of(next);
      for (const p of parts) if (!p.shown) p.body = null;
      if (parts.some((p) => p.shown)) this.fetch(next);
    }

    // put gives a part its rows. Who was in there finds the focus in the new ones.
    put(p, piece, rows) {
      const focus = p.shown && p.body?.contains(document.activeElement) ? document.activeElement.getAttribute("href") : undefined;
      piece.replaceChildren(...rows);
      Object.assign(p, { body: piece, failed: false, height: 0 });
      if (focus !== undefined) this.refocus = () => ([...piece.querySelectorAll("a")].find((a) => a.getAttribute("href") === focus) ?? piece.querySelector("a, button, input"))?.focus({ preventScroll: true });
    }

    // same reports whether rows that came again are those that are there, after putting in those that differ.
    same(p, then) {
      const now = [...p.body.rows];
      if (now.length !== then.length) return false;
      const differ = now.map((row, i) => i).filter((i) => !now[i].isEqualNode(then[i]));
      if (differ.some((i) => now[i].contains(document.activeElement) || now[i].querySelector("input:checked"))) return false;
      for (const i of differ) now[i].replaceWith(then[i]);
      if (differ.length > 0) p.height = 0;
      return true;
    }

    heightOf(p) { return p.height || Math.max(1, p.rows) * this.rowHeight; }
    top() { return this.table.tHead.getBoundingClientRect().bottom; } // of the first row, in the window

    // where tells which row is at the top of the window, or the first one below it.
    where() {
      if (this.rows >= 0 && scrollY > 0 && scrollY + innerHeight >= document.documentElement.scrollHeight - 2) return { end: true };
      let y = this.top();
      for (const p of this.parts) {
        const h = this.heightOf(p);
        if (y + h > 0) {
          if (p.shown && !p.failed) for (const row of p.body.rows) {
            const box = row.getBoundingClientRect();
            if (box.bottom > 0) return { row: p.from + row.sectionRowIndex, top: box.top };
          }
          const at = Math.max(0, Math.floor(-y / h * p.rows));
          return { row: p.from + at, top: y + at * h / Math.max(1, p.rows) };
        }
        y += h;
      }
      return null;
    }

    // restore scrolls so that a row is where it was.
    restore(place) {
      if (!place) return;
      if (place.end) { scrollTo(scrollX, document.documentElement.scrollHeight); return; }
      let y = this.top();
      for (const p of this.parts) {
        const h = this.heightOf(p), at = place.row - p.from;
        if (at < p.rows || p === this.parts.at(-1)) {
          const row = p.shown && !p.failed && p.body.rows[at];
          const now = row ? row.getBoundingClientRect().top : y + at * h / Math.max(1, p.rows);
          if (row && this.goal) this.goal = null;
          if (Math.abs(now - place.top) >= .5) scrollBy(0, now - place.top);
          return;
        }
        y += h;
      }
    }

    space(from, to, height) {
      const body = document.createElement("tbody");
      body.className = "space";
      const cell = body.insertRow().insertCell();
      cell.colSpan = this.columns;
      cell.style.height = `${height}px`;
      cell.append(Object.assign(document.createElement("span"), { textContent: words().dataset.left.replace("{from}", from + 1).replace("{to}", to) }));
      body.ariaHidden = "true";
      return body;
    }

    // render puts the parts that are to be shown into the table, and spaces for the others; what is at place stays there.
    render(place) {
      const want = [];
      let gap = 0, since = 0;
      const close = (to) => { if (gap > 0) want.push(this.space(since, to, gap)); gap = 0; };
      for (const p of this.parts) {
        if (p.shown) { close(p.from); want.push(p.body); continue; }
        if (gap === 0) since = p.from;
        gap += this.heightOf(p);
      }
      close(this.end);
      const stays = new Set(want);
      for (const body of [...this.table.tBodies]) if (!stays.has(body)) body.remove();
      let at = this.table.tBodies[0] ?? null;
      for (const body of want) {
        if (body === at) at = at.nextElementSibling;
        else this.table.insertBefore(body, at);
      }
      for (const p of this.parts) if (p.shown && !p.height) p.height = heightOf(p.body);
      this.restore(this.goal ?? place);
    }

    // update looks which parts are near now, takes the others out, and asks for those that are missing.
    update() {
      const focus = document.activeElement?.closest("tbody");
      const top = -this.top(), end = top + innerHeight, place = this.where();
      const held = this.parts.findIndex((p) => p.shown && p.body === focus);
      let y = 0, changed = false, more = false;
      for (const sheet of this.sheets) sheet.near = false;
      for (const p of this.parts) {
        const h = this.heightOf(p), far = y + h < top - 2 * near || y > end + 2 * near;
        p.near = y + h > top - near && y < end + near || held >= 0 && Math.abs(p.k - held) <= 1;
        p.distance = Math.max(y - end, top - y - h, 0);
        p.sheet.near ||= p.near;
        y += h;
        if (p.near && p.body && !p.shown) {
          if (changed) more = true; else { p.shown = changed = true; this.touch(p); }
        } else if (p.shown && far && !p.near && !p.body.querySelector("input:checked")) {
          p.shown = false;
          changed = true;
          if (p.failed) this.forgive(p);
        }
      }
      for (const sheet of this.sheets) if (!sheet.near && sheet.request) this.cancel(sheet);
      if (changed) this.render(place);
      this.pump();
      if (more) this.soon();
      clearTimeout(this.settle);
      this.settle = setTimeout(() => { this.place = this.where(); this.note(); }, 200);
    }

    // note keeps the place for who comes back.
    note() {
      const place = this.goal ?? this.where();
      if (place) history.replaceState({ ...history.state, place }, "");
    }

    // forgive lets a sheet that did not come be asked for again.
    forgive(p) {
      Object.assign(p, { body: null, failed: false, height: 0 });
      p.sheet.failed = false;
    }

    // touch notes that a part was seen, and forgets the one that was not for longest.
    touch(p) {
      this.seen = this.seen.filter((other) => other !== p);
      this.seen.push(p);
      const i = this.seen.length > kept ? this.seen.findIndex((other) => !other.shown && !other.near) : -1;
      if (i >= 0) this.seen.splice(i, 1)[0].body = null;
    }

    soon() {
      if (!this.frame) this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        const came = this.ready.shift();
        if (came) came();
        this.update();
        if (this.ready.length > 0) this.soon();
      });
    }

    // pump asks for the sheets of which parts are missing, the nearest first, two at a time.
    pump() {
      const missing = this.parts.filter((p) => p.near && !p.body && !p.sheet.request && !p.sheet.failed).sort((a, b) => a.distance - b.distance);
      if (missing.length === 0) return;
      const wait = this.pumped + pumpEvery - Date.now();
      if (wait > 0) {
        this.waits ??= setTimeout(() => { this.waits = undefined; this.update(); }, wait);
        return;
      }
      for (const p of missing) if (this.asked < 2 && !p.sheet.request) this.fetch(p.sheet);
    }

    async fetch(sheet) {
      const stop = sheet.request = new AbortController();
      this.pumped = Date.now();
      this.asked++;
      this.table.ariaBusy = "true";
      const body = await bring(sheet.address, stop.signal);
      this.asked--;
      if (stop.signal.aborted || list !== this) { this.calm(); return; }
      this.ready.push(() => {
        sheet.request = null;
        this.came(sheet, body);
        this.calm();
      });
      this.soon();
    }

    // calm says when nothing is on its way any more.
    calm() {
      if (this.asked === 0 && this.ready.length === 0) this.table.ariaBusy = null;
    }

    cancel(sheet) {
      sheet.request?.abort();
      sheet.request = null;
    }

    // came puts in what was asked for, or says that it did not come.
    came(sheet, body) {
      if (this.sheets[sheet.k] !== sheet) return;
      const place = this.where();
      if (!body) this.fail(sheet);
      else {
        const rows = Number(body.dataset.of), other = rows !== this.rows;
        if (other) this.count(rows);
        if (this.sheets[sheet.k] === sheet) this.adopt(sheet, body);
        if (other) this.refresh(sheet);
        for (const lost of this.sheets) if (lost.failed && !lost.request) this.fetch(lost); // the console answers again
      }
      this.render(place);
      this.refocus?.();
      this.refocus = null;
    }

    // fail puts a row where the reader looks that says so, with a button. What is there stays.
    fail(sheet) {
      const eye = innerHeight / 3;
      let y = this.top(), p = null, least = Infinity, at = 0;
      for (const q of this.parts) {
        const h = this.heightOf(q), off = q.failed ? -1 : Math.max(y - eye, eye - y - h, 0);
        if (q.sheet === sheet && (!q.body || q.failed) && off < least) [p, least, at] = [q, off, y];
        y += h;
      }
      if (!p) return;
      sheet.failed = true;
      if (p.failed) { // it is said again
        p.body.querySelector("[role=alert]").replaceWith(why());
        return;
      }
      const body = document.createElement("tbody"), room = Math.max(0, this.heightOf(p) - 3 * this.rowHeight);
      const before = Math.min(Math.max(0, eye - at), room);
      const blank = (h) => { const row = this.space(0, 0, h).rows[0]; row.ariaHidden = "true"; return row; };
      body.append(blank(before), failedRow(this.columns, () => { if (!sheet.request) this.fetch(sheet); }), blank(room - before));
      body.className = "space";
      Object.assign(p, { body, failed: true, height: 0, shown: true });
    }

    // refresh asks again for what is shown, except for a sheet that just came, and forgets what is not.
    refresh(fresh) {
      for (const p of this.parts) if (!p.shown && p.sheet !== fresh) p.body = null;
      for (const sheet of this.sheets) if (sheet !== fresh && !sheet.request && this.of(sheet).some((p) => p.shown)) this.fetch(sheet);
    }

    resized() {
      const width = this.table.clientWidth;
      if (this.width === width) return;
      const was = this.width;
      this.width = width;
      if (was === undefined) return;
      const shown = this.parts.filter((p) => p.shown && !p.failed && p.rows > 0);
      for (const p of this.parts) p.height = p.shown ? heightOf(p.body) : 0;
      if (shown.length > 0) this.rowHeight = shown[0].height / shown[0].rows;
      this.render(this.place);
      this.soon();
    }

    stop() {
      for (const sheet of this.sheets) this.cancel(sheet);
      this.sizes.disconnect();
      clearTimeout(this.settle);
      clearTimeout(this.waits);
      cancelAnimationFrame(this.frame);
    }
  }

  const begin = (place) => {
    const body = document.querySelector("main tbody[data-list]");
    if (!body || list?.parts.some((p) => p.body === body)) return;
    list?.stop();
    list = null;
    list = new List(body, place);
  };

  // A search narrows the list while it is typed.
  let due = 0, narrowing = null;
  const narrow = async (form) => {
    const to = new URL(form.action), told = new FormData(form);
    for (const [name, value] of told) if (value) to.searchParams.set(name, value);
    narrowing?.abort();
    const stop = narrowing = new AbortController();
    const body = await bring(to, stop.signal);
    if (stop.signal.aborted) return;
    const old = document.querySelector("main tbody:is([data-list], .space)");
    if (!body) {
      const table = old.closest("table"), none = document.createElement("tbody");
      none.className = "space";
      none.append(failedRow(table.tHead.rows[0].cells.length, () => narrow(form)));
      table.replaceChildren(...[...table.children].filter((e) => e.tagName !== "TBODY"), none);
      list?.stop();
      list = null;
      return;
    }
    history.replaceState(null, "", to);
    for (const head of document.querySelectorAll("main thead a")) { // sorted, it is as narrow
      const by = new URL(head.href), sort = by.searchParams.get("sort");
      by.search = to.search;
      if (sort) by.searchParams.set("sort", sort); else by.searchParams.delete("sort");
      head.href = by;
    }
    old.before(body);
    begin(null);
  };
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-narrows]");
    if (!form) return;
    clearTimeout(due);
    due = setTimeout(() => narrow(form), 200);
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-narrows]")) return;
    event.preventDefault();
    clearTimeout(due);
    narrow(event.target);
  });

  addEventListener("scroll", () => list?.soon(), { passive: true });
  for (const kind of ["wheel", "pointerdown", "keydown", "touchstart"]) addEventListener(kind, () => { if (list) list.goal = null; }, { passive: true });
  addEventListener("focusin", () => list?.soon());
  addEventListener("beforeprint", () => {
    if (!list) return;
    for (const p of list.parts) p.shown = Boolean(p.body);
    list.render(null);
  });
  addEventListener("afterprint", () => list?.soon());
  document.addEventListener("refresh", () => { if (list?.live) list.refresh(null); });
  document.addEventListener("toggle", () => { // what was opened in a row kept others from coming
    if (!list?.late) return;
    list.late = false;
    list.refresh(null);
  }, true);

  // Who comes back finds the place. What is noted when a page is left is lost where it is loaded again.
  addEventListener("pagehide", () => list?.note());
  if (document.querySelector("main tbody[data-list] tr.next")) history.scrollRestoration = "manual";
  new MutationObserver(() => begin(null)).observe(document.getElementById("main"), { childList: true });
  begin(history.state?.place);
})();
