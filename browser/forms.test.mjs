// Every form that the portal has: what is typed wrong is kept, and what is wrong stands at its field, in the title, and where a keyboard is; whatever is typed does no harm.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { request } from "playwright-core";
import { fill } from "./every.mjs";
import { demo, lastMonth, launch, monthBefore, open, signIn } from "./world.mjs";

const M = `/statements/${lastMonth}`, early = monthBefore(monthBefore(lastMonth));
const password = "a sentence of a few words";
let console_, browser, gone;
before(async () => {
  console_ = await demo();
  browser = await launch();
  const page = await open(browser, console_);
  await signIn(page, console_);
  await page.goto(`/statements/${early}/6`); // before there were readings: a statement that needs reasons
  await page.click("form[action$='/draft'] button");
  await page.waitForSelector("#approve-0");
  await fill(page, lastMonth);
  await page.goto("/tokens/new");
  await page.fill("#token-name", "a server that is gone");
  for (const scope of ["read", "manage-servers"]) await page.check(`[name=scopes][value=${scope}]`);
  await page.click("main form.form button.main");
  const api = await request.newContext({ baseURL: console_.base, ignoreHTTPSErrors: true, extraHTTPHeaders: { Authorization: `Bearer ${await page.inputValue("#secret")}` } });
  gone = (await (await api.post("/api/v1/servers", { data: { name: "gone", company: 2, connection: { url: "https://127.0.0.1:1", username: "u", password: "p", insecure: true } } })).json()).id;
  await api.post(`/api/v1/servers/${gone}/collect`, { data: {} });
  await api.dispose();
  await page.context().close();
});
after(async () => { await browser?.close(); await console_?.stop(); });

// The forms, by where they are sent. Those without anything to type have false. Else: the page, what is typed by the ids of fields, and which fields are wrong, in their order;
// open: what leads from that page to the form's; stale: it is sent as of another state; plain: as without scripts; once: it is gone when it was taken.
const forms = {
  "/sign-out": false, "/account/sign-out": false, "/servers/N/read": false, "/users/N/sessions": false, "/tokens/N/revoke": false, "/statements/MONTH/draft": false,
  "/statements/MONTH/approve": false, "/statements/MONTH/finalise": null, // stands there once all are approved: statements.test.mjs
 "/statements/MONTH/N/draft": false, "/statements/MONTH/N/finalise": false,
  "/account/second-factor/codes": null, "/account/second-factor/off": null, "/users/N/second-factor": null, // once there is a second factor: second.test.mjs
  "/account/second-factor": { at: "/account/second-factor", typed: { "factor-code": "000000", "factor-password": "not this one" }, wrong: ["factor-password"] },
  "/account/password": { at: "/account", typed: { "own-password-old": "not this one", "own-password-password": "a longer sentence", "own-password-again": "a longer sentence" }, wrong: ["own-password-old"] },
  "/companies/new": { at: "/companies/new", typed: { "company-name": "Northwind", "company-cloud-tenant": "tenant one\ntenant two", "company-external-id": "psa: 4711", "company-tag": "no colon here" }, wrong: ["company-tag"] },
  "/companies/N/edit": { at: "/companies/2/edit", typed: { "company-edit-name": "Eastbrook", "company-edit-cloud-tenant": "tenant three" }, wrong: ["company-edit-name"] },
  "/companies/N/remove": { at: "/companies/2/edit", typed: {}, wrong: [] },
  "/servers/new": { at: "/servers/new", plain: true, typed: { "server-company": "2", "server-url": "ftp://vbr01", "server-username": "", "server-password": password, "server-name": "vbr01" }, wrong: ["server-url", "server-username"] },
  "/servers/pushed": { at: "/servers/pushed", typed: { "pushed-company": "2", "pushed-name": "vbr02", "pushed-installation-id": "" }, wrong: ["pushed-installation-id"] },
  "/servers/N/edit": { at: "/servers/1/edit", plain: true, typed: { "server-edit-name": "", "server-edit-url": "vbr01.example.com", "server-edit-fingerprint": "abc", "server-edit-ca": "no certificate", "server-edit-tag": "segment: gold" }, wrong: ["server-edit-name", "server-edit-password", "server-edit-fingerprint"] },
  "/servers/N/remove": { at: "/servers/1/edit", typed: {}, stale: true, wrong: [] },
  "/credentials/new": { at: "/credentials/new", typed: { "credential-name": "", "credential-username": "reader", "credential-password": password, "credential-host": "not a host!" }, wrong: ["credential-name", "credential-host"] },
  "/credentials/N": { at: "/credentials/1", typed: { "credential-edit-name": "another name", "credential-edit-username": "", "credential-edit-host": "*.example.com\n*.*" }, wrong: ["credential-edit-username", "credential-edit-host"] },
  "/credentials/N/remove": { at: "/credentials/1", typed: {}, stale: true, wrong: [] },
  "/alarms/N": { once: true, at: "/alarms", open: "tr:has-text('gone cannot be read') a >> nth=0", typed: { "alarm-reason": "   " }, wrong: ["alarm-reason"] },
  "/users": { at: "/users/new", typed: { "user-name": "demo", "user-role": "company-readonly", "user-password": "short", "user-again": "shorter" }, wrong: ["user-company", "user-password", "user-again"] },
  "/users (taken)": { at: "/users/new", typed: { "user-name": "demo", "user-password": password, "user-again": password }, wrong: ["user-name"] },
  "/users/N/role": { at: "/users/1", typed: { "role-role": "company-readonly" }, wrong: ["role-sure"] },
  "/users/N/password": { at: "/users/2", typed: { "password-password": "short", "password-again": "short" }, wrong: ["password-password"] },
  "/users/N/single": { at: "/users/2", typed: { "single-singleSignOn": "x".repeat(201) }, wrong: ["single-singleSignOn"] },
  "/users/N/enabled": { at: "/users/1", typed: {}, wrong: ["disable-sure"] },
  "/tokens": { at: "/tokens/new", typed: { "token-name": "no scopes", "token-expiresAt": "2020-01-01" }, wrong: ["token-scopes", "token-expiresAt"] },
  "/settings": { at: "/settings", typed: { "settings-zone": "Mars", "settings-licensees": "Contoso\nFabrikam" }, wrong: ["settings-zone"] },
  "/catalogue/own": { at: "/catalogue/own", typed: { "own-catalogue-text": "weight  nothing" }, wrong: ["own-catalogue-text"] },
  "/statements/MONTH/N/approve": { at: `/statements/${early}/6`, typed: {}, wrong: ["approve-0"] },
  "/statements/MONTH/N/adjust": { at: `${M}/2`, typed: { "adjust-count": "4000", "adjust-reason": "a test machine" }, wrong: ["adjust-count"] },
  "/statements/MONTH/N/withdraw": { once: true, at: `${M}/2`, typed: { "withdraw-1": "   " }, wrong: ["withdraw-1"] },
  "/statements/MONTH/N/reopen": { once: true, at: `${M}/3`, typed: { "reopen-reason": "   " }, wrong: ["reopen-reason"] },
  "/statements/MONTH/N/supersede": { once: true, at: `${M}/4`, typed: { "supersede-reason": "   " }, wrong: ["supersede-reason"] },
  "/statements/MONTH/N/workloads": { at: `${M}/4/workloads`, typed: {}, wrong: [] },
};

const named = (path) => path.replace(/\d{4}-\d\d/, "MONTH").replace(/\/\d+/g, "/N");

// crawl follows links from page to page, and gives where each form is sent, with a page that it stands on.
const crawl = (page) => page.evaluate(async (most) => {
  const found = {}, seen = new Map(), asked = new Set(["/"]), queue = ["/"];
  while (queue.length) {
    const at = queue.shift();
    const answer = await fetch(at);
    if (!answer.headers.get("Content-Type")?.includes("text/html")) continue;
    const doc = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const form of doc.querySelectorAll("form[method=post]")) found[form.getAttribute("action")] ??= at;
    for (const a of doc.querySelectorAll("a[href]")) {
      const to = new URL(a.getAttribute("href"), new URL(at, location.origin));
      if (to.origin !== location.origin || /^\/(assets|swagger)\/|\/(report|bundle)$/.test(to.pathname)) continue;
      const path = to.pathname + to.search, kind = to.pathname.replace(/\d{4}-\d\d/, "MONTH").replace(/\/\d+/g, "/N") + [...to.searchParams.keys()].sort();
      if (asked.has(path) || (seen.get(kind) ?? 0) >= most) continue;
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
      asked.add(path);
      queue.push(path);
    }
  }
  return { found, pages: asked.size };
}, 24);

test("no form is missing below", async () => {
  const page = await open(browser, console_);
  await signIn(page, console_);
  const { found, pages } = await crawl(page);
  assert.deepEqual([...new Set(Object.keys(found).map(named))].sort(), Object.keys(forms).filter((to) => forms[to] !== null && !to.includes(" ")).sort());
  console.log(`  ${new Set(Object.keys(found).map(named)).size} forms on ${pages} pages`);
  await page.context().close();
});

// stand goes to where a form is.
async function stand(page, f, to) {
  await page.goto(f.at);
  if (f.open) { await page.click(f.open); await page.waitForLoadState(); }
  const action = await page.locator("form[method=post]").evaluateAll((all, to_) => all.map((x) => x.getAttribute("action")).find((a) => a.replace(/\d{4}-\d\d/, "MONTH").replace(/\/\d+/g, "/N") === to_), to);
  assert.ok(action, `${to} is not on ${f.at}`);
  return page.locator(`form[method=post][action="${action}"]`).first();
}

// unscripted takes a form's scripts away: it is sent as without any.
const unscripted = (form) => form.locator("[data-hx-post]").evaluateAll((all) => all.forEach((x) => {
  const plain = x.cloneNode(true);
  for (const a of [...plain.attributes]) if (a.name.startsWith("data-hx")) plain.removeAttribute(a.name);
  x.replaceWith(plain);
}));

// send sends a form as it is, whatever the browser thinks of it, and gives the status.
async function send(page, form, f = {}) {
  const summary = form.locator("xpath=ancestor::details/summary");
  if (await summary.count() && !(await form.isVisible())) await summary.click();
  await form.evaluate((x, stale) => { x.noValidate = true; if (stale) x.elements.state.value = "another"; }, f.stale);
  const buttons = form.locator("button:not([value=test])");
  const answer = page.waitForResponse((r) => r.request().method() === "POST");
  await (await buttons.count() ? buttons.first() : page.locator(`button[form]`)).click();
  const { status } = await answer.then((r) => ({ status: r.status() }));
  await page.waitForLoadState();
  return status;
}

const flags = /(^|[\s'"(])--[a-z]/;

test("what is typed wrong is kept, and what is wrong is said where it is", async () => {
  const page = await open(browser, console_);
  await signIn(page, console_);
  const bad = [];
  for (const [to, f] of Object.entries(forms)) {
    if (!f || to.endsWith("/workloads")) continue;
    const say = (what) => bad.push(`${to}: ${what}`);
    const form = await stand(page, f, to.replace(/ .*/, ""));
    if (f.plain) await unscripted(form);
    for (const [id, text] of Object.entries(f.typed)) {
      const field = page.locator(`#${id}`);
      if (await field.evaluate((x) => x.tagName) === "SELECT") await field.selectOption(text); else await field.fill(text);
    }
    const status = await send(page, form, f);
    if (status < 400 || status >= 500) { say(`answered ${status}`); continue; }
    if (!/^Not right yet/.test(await page.title())) say(`the title is ${await page.title()}`);
    const alert = page.locator("[role=alert]");
    if (await alert.count() !== 1) { say(`${await alert.count()} alerts`); continue; }
    const told = await alert.textContent();
    if (flags.test(await page.textContent("main"))) say(`speaks of the command line: ${told}`);
    for (const [id, text] of Object.entries(f.typed)) {
      const field = page.locator(`#${id}`);
      const [is, kind] = [await field.inputValue(), await field.getAttribute("type")];
      if (kind === "password" ? is !== "" : is.trim() !== text.trim()) say(`#${id} holds ${JSON.stringify(is)}, not ${JSON.stringify(text)}`);
    }
    for (const id of f.wrong) {
      const field = page.locator(`#${id}`);
      if (!await field.count()) { say(`there is no #${id}: ${told}`); continue; }
      const state = await field.evaluate((x) => ({
        invalid: x.getAttribute("aria-invalid"), fieldset: x.tagName === "FIELDSET",
        said: (x.getAttribute("aria-describedby") ?? "").split(" ").filter((d) => d.endsWith("-wrong")).map((d) => document.getElementById(d)?.textContent ?? "").join(),
        linked: !!document.querySelector(`[role=alert] a[href="#${CSS.escape(x.id)}"]`),
      }));
      if (!state.fieldset && state.invalid !== "true") say(`#${id} is not marked`);
      if (!state.said.trim()) say(`#${id} does not say what is wrong: ${told}`);
      if (!state.linked) say(`#${id} is not reached from the summary: ${told}`);
    }
    const focus = await page.evaluate(() => document.activeElement?.id || document.activeElement?.getAttribute("role") || document.activeElement?.tagName);
    if (focus !== (f.wrong[0] ?? "alert")) say(`the focus is on ${focus}, not on ${f.wrong[0] ?? "what is wrong"}`);
  }
  assert.deepEqual(bad, []);
  await page.context().close();
});

test("a wrong password is told, and the name is kept", async () => {
  const page = await open(browser, console_);
  await page.goto("/sign-in");
  await page.fill("#name", "demo");
  await page.fill("#password", "not this one");
  await page.click("button.main");
  await page.waitForSelector("[role=alert]");
  assert.match(await page.title(), /^Not right yet/);
  assert.equal(await page.inputValue("#name"), "demo");
  assert.equal(await page.inputValue("#password"), "");
  assert.equal(await page.evaluate(() => document.activeElement.id), "password");
  await page.context().close();
});

// complains wants a page to say what is wrong as one that was loaded: above the form, at these fields, in the title, and begin at the first of them.
async function complains(page, ids) {
  await page.waitForFunction(() => /^Not right yet – /.test(document.title));
  const alert = page.locator("main [role=alert]");
  assert.equal(await alert.count(), 1);
  assert.ok(await alert.evaluate((x) => x.matches("form.form > :first-child")), "it is not said above the form");
  assert.deepEqual(await alert.locator("a").evaluateAll((all) => [...new Set(all.map((a) => a.hash.slice(1)))]), ids);
  for (const id of ids) {
    const field = page.locator(`#${id}`);
    assert.equal(await field.getAttribute("aria-invalid"), "true", id);
    const said = page.locator(`#${id}-wrong`);
    assert.ok((await field.getAttribute("aria-describedby")).split(" ").includes(`${id}-wrong`), id);
    assert.ok((await said.textContent()).trim(), `${id} does not say what is wrong`);
    const [at, words] = [await field.boundingBox(), await said.boundingBox()];
    assert.ok(words.y - at.y < 130, `${id}: the words are ${words.y - at.y} pixels below`);
  }
  assert.deepEqual(await page.locator("main [aria-invalid]").evaluateAll((all) => all.map((x) => x.id)), ids);
  const first = page.locator(ids.length > 0 ? `#${ids[0]}` : "main [role=alert]");
  assert.ok(await first.evaluate((x) => x === document.activeElement), `the focus is elsewhere than on ${ids[0]}`);
  for (const one of ids.length > 0 ? [first, page.locator(`#${ids[0]}-wrong`)] : [first]) {
    assert.ok(await one.evaluate((x) => { const box = x.getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight; }), "it is out of sight");
  }
  assert.doesNotMatch(await page.textContent("main"), flags);
}

test("where a script sends a form, what is wrong is said as on a page that is loaded", async () => {
  const page = await open(browser, console_);
  await signIn(page, console_);
  await page.goto("/servers/new");
  await page.fill("#server-url", "ftp://vbr01");
  await page.fill("#server-password", password);
  const title = await page.title(), hint = await page.getAttribute("#server-url", "aria-describedby");
  for (const button of ["Test the connection", "Test the connection", "Add the server and read it"]) { // again, it is said once
    await page.evaluate(() => { document.title = document.title.replace(/^Not right yet – /, ""); });
    await page.click(`text=${button}`);
    await complains(page, button.startsWith("Add") ? ["server-company", "server-url", "server-username"] : ["server-url", "server-username"]);
  }
  assert.equal(await page.inputValue("#server-password"), password);
  await page.fill("#server-url", "127.0.0.1:1");
  await page.fill("#server-username", "reader");
  await page.click("text=Test the connection");
  await page.waitForSelector("#tested .wrong:not([role=alert])"); // it cannot be reached
  assert.equal(await page.locator("main :is([aria-invalid], [role=alert], .fault)").count(), 0);
  assert.equal(await page.title(), title);
  assert.equal(await page.getAttribute("#server-url", "aria-describedby"), hint);

  await page.goto("/servers/1/edit");
  await page.fill("#server-edit-url", "127.0.0.1:1");
  await page.fill("#server-edit-tag", "no colon here");
  await page.click("button:text-is('Save')");
  await complains(page, ["server-edit-password", "server-edit-tag"]);
  await page.fill("#server-edit-password", password);
  await page.fill("#server-edit-tag", "");
  await page.click("button:text-is('Save')");
  await page.waitForSelector("#server-edit-anyway"); // the box that would have to be ticked is a field, too
  await complains(page, ["server-edit-anyway"]);
  await page.context().close();
});

test("a server that is there is tested before it is changed, and while it is, nothing old is said", async () => {
  const page = await open(browser, console_);
  await signIn(page, console_);
  await page.goto("/servers/1/edit");
  await page.click("text=Test the connection");
  await page.waitForSelector("#tested .told:has-text('It works')"); // with the password that is kept
  let go;
  await page.route("**/servers/1/edit", async (route) => { if (route.request().method() === "POST") await new Promise((then) => { go = then; }); await route.continue(); });
  const address = await page.inputValue("#server-edit-url");
  await page.fill("#server-edit-url", "127.0.0.1:1");
  await page.click("text=Test the connection");
  await page.waitForSelector("#testing:visible");
  assert.equal(await page.locator("#tested .told:visible").count(), 0, "what was tested before is still said");
  go();
  await page.waitForSelector("main form > [role=alert] >> text=sent nowhere else");
  assert.equal(await page.locator("#testing:visible").count(), 0);
  assert.equal(await page.evaluate(() => document.activeElement.id), "server-edit-password");
  assert.doesNotMatch(await page.textContent("main"), flags);
  await page.unroute("**/servers/1/edit");
  await page.fill("#server-edit-password", password);
  await page.fill("#server-edit-name", "still here");
  await page.click("text=Save");
  await page.waitForSelector("#tested [name=anyway]"); // it cannot be reached: that it is saved all the same is to be ticked
  assert.match(await page.textContent("#tested .fault"), /Nothing was saved yet/);
  await page.check("#tested [name=anyway]");
  await page.click("button:text-is('Save')");
  await page.waitForURL(/\/servers\/1\?told=saved/);
  await page.goto("/servers/1/edit");
  await page.fill("#server-edit-url", address);
  await page.fill("#server-edit-fingerprint", "");
  await page.fill("#server-edit-password", password);
  await page.click("text=Save");
  await page.waitForSelector("#tested [name=confirmed]"); // it shows a certificate that nobody vouches for
  assert.equal(await page.inputValue("#server-edit-password"), password);
  assert.match(await page.textContent("#tested .fault"), /Nothing was saved yet/);
  await page.check("#tested [name=confirmed]");
  await page.waitForSelector("#tested .wrong >> text=/log-in|account|password/");
  assert.ok(await page.isChecked("#tested [name=confirmed]"));
  await page.context().close();
});

// What people paste, and what others try.
const hostile = {
  long: "x".repeat(10_000), control: "a\u0007b\u001bc\u0000d", script: "<script>window.hurt=1</script><img src=x onerror=window.hurt=1>", quotes: `"'\`' OR 1=1; -- \\ %s {{.}} \${x}`,
  rightToLeft: "\u202eمرحبا بالعالم\u202c שלום", emoji: "👩‍👩‍👧‍👦 \u{1f3f4}\u{e0067} ünïcödé 日本語", blanks: "   \t  ", zero: "a\u200bb\ufeffc",
};

test("whatever is typed does no harm", async () => {
  const page = await open(browser, console_);
  await signIn(page, console_);
  const bad = [];
  let sent = 0;
  const skip = new Set(["/account/password", "/account/second-factor", "/users/N/role", "/users/N/enabled", "/companies/N/remove", "/servers/N/remove", "/credentials/N/remove", "/statements/MONTH/N/approve", "/users/N/password"]);
  for (const [to, f] of Object.entries(forms)) {
    if (!f || skip.has(to) || to.endsWith("/workloads")) continue;
    for (const [kind, text] of Object.entries(hostile)) {
      const form = await stand(page, f, to.replace(/ .*/, ""));
      if (f.plain) await unscripted(form);
      const given = await form.locator("input:not([type=hidden]):not([type=checkbox]):not([type=password]), textarea").evaluateAll((all, t) => all.flatMap((x) => {
        const strict = ["number", "date"].includes(x.type); // a browser lets nothing else in
        if (strict) x.type = "text";
        x.value = t;
        return strict ? [] : [[x.id, x.value]];
      }), text);
      const status = await send(page, form);
      sent++;
      if (status >= 500) bad.push(`${to} ${kind}: ${status}`);
      if (await page.evaluate(() => window.hurt)) bad.push(`${to} ${kind}: a script ran`);
      if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) bad.push(`${to} ${kind}: the page is wider than its window`);
      if (status === 422) for (const [id, was] of given) {
        const is = await page.locator(`#${id}`).inputValue().catch(() => null);
        if (is !== null && is.trim() !== was.replaceAll("\0", "\ufffd").trim()) bad.push(`${to} ${kind}: #${id} holds ${JSON.stringify(is.slice(0, 60))}`);
      }
      if (status >= 400 && status !== 422) bad.push(`${to} ${kind}: ${status} ${(await page.textContent("body")).trim().slice(0, 200)}`);
      if (f.once && status < 400) break; // it is done, and the form is gone
    }
  }
  // What was taken is shown as it is, and breaks no page.
  for (const at of ["/", "/companies", "/companies/2", "/servers", "/servers/1", `${M}/2`, "/users", "/tokens", "/credentials", "/settings", "/audit", "/alarms?status=all"]) {
    const answer = await page.goto(at);
    if (answer.status() !== 200) bad.push(`${at}: ${answer.status()}`);
    if (await page.evaluate(() => window.hurt)) bad.push(`${at}: a script ran`);
    if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) bad.push(`${at} is wider than its window`);
  }
  console.log(`  ${sent} forms sent with what does harm elsewhere`);
  assert.deepEqual(bad, []);
  assert.deepEqual(page.errors.filter((e) => !e.includes("422")), []);
  await page.context().close();
});
