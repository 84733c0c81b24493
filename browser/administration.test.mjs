// An administrator's day: a user of a company who sees that company alone, a token for a program, an alarm; and what is said where
// something is typed wrong.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { request } from "playwright-core";
import { journey } from "./journey.mjs";
import { addUser, demo, launch, open, signIn } from "./world.mjs";

let console_, browser;
before(async () => { console_ = await demo(); browser = await launch(); });
after(async () => { await browser?.close(); await console_?.stop(); });

const send = "main form.form button.main";
const bearer = (token) => request.newContext({ baseURL: console_.base, ignoreHTTPSErrors: true, extraHTTPHeaders: { Authorization: `Bearer ${token}` } });

// newToken makes a token as the administrator does, and gives its text.
async function newToken(page, go, name, scopes) {
  await go.click("nav >> text=API tokens");
  await go.click("text=Make a token");
  await go.fill("#token-name", name);
  for (const scope of scopes) await go.click(`input[name=scopes][value=${scope}]`);
  await go.click(send);
  return page.inputValue("#secret");
}

test("a user of a company sees that company, and no other in any way", async () => {
  const page = await open(browser, console_);
  const go = journey(page, "administrator", "adds a user of a company");
  await go.signIn(console_);
  await go.click("nav >> text=Users");
  await go.click("text=Add a user");
  const own = await addUser(go, { name: "anna", company: "2", password: "a sentence of a few words" });
  go.end();

  const admin = page.context().request;
  const secret = await newToken(page, journey(page, "administrator", ""), "names", ["read"]);
  const api = await bearer(secret);
  const others = (await (await api.get("/api/v1/companies")).json()).items.filter((c) => c.id !== 2 && c.name !== "Unassigned");
  const events = (await (await api.get("/api/v1/alarms")).json()).items;
  await api.dispose();
  const other = others[0];
  const theirs = events.find((e) => e.company !== 2);
  assert.ok(others.length >= 3 && theirs);

  const anna = await open(browser, console_);
  await signIn(anna, { user: "anna", password: "a sentence of a few words" });
  assert.equal(new URL(anna.url()).pathname, "/companies/2");
  assert.equal(await anna.textContent("h1"), own);
  assert.deepEqual(await anna.locator("nav[aria-label=Pages] a").allTextContents(), ["Usage", "Workloads", "Statements", "Servers", "Alarms", "API tokens", "Catalogue"]);
  const get = { method: "GET", maxRedirects: 0 }, part = { ...get, headers: { "HX-Request": "true" } };
  const post = (form) => ({ method: "POST", maxRedirects: 0, form, headers: { Origin: console_.base, Accept: "text/html" } });
  const why = "resource=backupServer&type=VBR_vSphere_VM&unit=Instances&state=used";
  const ways = [
    [404, `/companies/${other.id}`, get], [404, `/companies/${other.uid}`, get], [404, `/companies/name:${encodeURIComponent(other.name)}`, get],
    [404, `/companies/${other.id}/why?${why}`, part], [404, `/companies/${other.id}/trend`, get], [404, `/companies/${other.id}/changes`, part],
    [404, `/companies/${other.id}/servers`, get], [404, `/servers/${theirs.server}`, get], [404, `/servers/${theirs.server}/edit`, get], [404, `/servers/${theirs.server}/read`, post({})],
    [403, "/servers/new", get], [403, "/credentials", get], [403, "/companies/new", get], [404, `/companies/${other.id}/edit`, get], [200, `/servers?search=${other.id}`, part],
    [303, "/companies?search=", part], [303, "/", get], [404, `/alarms/${theirs.id}`, get], [404, `/alarms/${theirs.id}`, part],
    [404, `/alarms/${theirs.id}`, post({ do: "resolve", reason: "mine now" })], [200, `/alarms?company=${other.id}&status=all`, get], [403, "/users", get],
    [403, `/audit?company=${other.id}`, part], [403, "/settings", get], [403, "/catalogue/own", get], [403, "/users", post({ name: "eve", role: "portal-administrator" })],
    [403, "/users/1/password", post({ password: "a sentence of mine", again: "a sentence of mine" })],
    [422, "/tokens", post({ name: "t", scopes: "read", company: other.id, expiresAt: "2027-06-01" })],
    [422, "/tokens", post({ name: "t", scopes: "manage-users", expiresAt: "2027-06-01" })], [403, "/tokens", post({ name: "t", scopes: "read", user: 1, expiresAt: "2027-06-01" })],
    [404, "/tokens/1/revoke", post({})], [401, `/api/v1/companies/${other.id}`, get], [401, `/api/v1/companies/${other.id}/statements/2026-10/report?format=pdf`, get],
  ];
  for (const [status, path, options] of ways) {
    const answer = await anna.context().request.fetch(path, options);
    assert.equal(answer.status(), status, path);
    const text = await answer.text();
    for (const c of others) assert.ok(!text.includes(c.name) || path.includes(encodeURIComponent(c.name)), `${path} names ${c.name}`);
  }
  console.log(`  ${ways.length} ways to another company lead nowhere`);
  assert.equal((await admin.get(`/companies/${other.id}`)).status(), 200); // it is there
  await anna.context().close();
  await page.context().close();
});

test("a token works until it is revoked, and an alarm is acknowledged", async () => {
  const page = await open(browser, console_);
  let go = journey(page, "administrator", "makes a token");
  await go.signIn(console_);
  const secret = await newToken(page, go, "monitoring", ["read", "manage-servers"]);
  assert.match(secret, /^tally_/);
  assert.ok(!page.url().includes(secret));
  go.end();
  const api = await bearer(secret);

  go = journey(page, "administrator", "acknowledges an alarm that came while the page was open, after a mistake");
  await go.click("nav >> text=Alarms");
  const server = await (await api.post("/api/v1/servers", { data: { name: "gone", company: 2, connection: { url: "https://127.0.0.1:1", username: "u", password: "p", insecure: true } } })).json();
  const reading = await api.post(`/api/v1/servers/${server.id}/collect`, { data: {} });
  assert.equal(reading.status(), 200, await reading.text());
  await page.waitForSelector("text=gone cannot be read"); // by itself
  await go.click("tr:has-text('gone cannot be read') a >> nth=0");
  await go.fill("#alarm-reason", "  ");
  await go.click("text=I know of it");
  assert.equal(await page.textContent("#alarm-reason-wrong"), "is required");
  await go.fill("#alarm-reason", "It is being moved");
  await go.click("text=I know of it");
  await page.waitForSelector(".tag.Acknowledged");
  assert.match(await page.textContent("main"), /It is being moved/);
  go.end();

  go = journey(page, "administrator", "revokes the token");
  await go.click("nav >> text=API tokens");
  const row = page.locator("tr", { hasText: "monitoring" });
  await go.click(row.locator("summary"));
  await go.click(row.locator("button"));
  await page.waitForSelector("tr:has-text('monitoring') .tag.revoked");
  go.end();
  assert.equal((await api.get("/api/v1/companies")).status(), 401);
  await api.dispose();
  assert.deepEqual(page.errors.filter((e) => !e.includes("422")), []);
  assert.deepEqual(page.elsewhere, []);
  await page.context().close();
});

test("a new token is copied by a button, which says so; without scripts there is none", async () => {
  for (const javaScriptEnabled of [true, false]) {
    const page = await open(browser, console_, { javaScriptEnabled, permissions: ["clipboard-read", "clipboard-write"] });
    await signIn(page, console_);
    await page.goto("/tokens/new");
    await page.fill("#token-name", `copied ${javaScriptEnabled}`);
    await page.check("[name=scopes][value=read]");
    await page.click(send);
    await page.waitForSelector("#secret");
    const button = page.locator("button:text-is('Copy')");
    assert.equal(await button.isVisible(), javaScriptEnabled);
    if (javaScriptEnabled) {
      await button.focus();
      await page.keyboard.press("Enter");
      await page.waitForSelector("[role=status]:text-is('Copied')");
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await page.inputValue("#secret"));
    }
    assert.deepEqual(page.errors, []);
    await page.context().close();
  }
});

test("what is typed wrong is kept, and what is wrong stands at its field", async () => {
  const page = await open(browser, console_);
  await signIn(page, console_);
  const forms = [
    { at: "/users/new", fill: { "#user-name": "berta", "#user-password": "short", "#user-again": "short" }, kept: { "#user-name": "berta", "#user-password": "" }, wrong: "#user-password" },
    { at: "/users/1", form: "/role", choose: { "#role-role": "company-readonly" }, kept: { "#role-role": "company-readonly" }, wrong: "#role-sure" },
    { at: "/users/1", form: "/enabled", kept: {}, wrong: "#disable-sure" },
    { at: "/tokens/new", fill: { "#token-name": "no scopes", "#token-expiresAt": "2020-01-01" }, kept: { "#token-name": "no scopes", "#token-expiresAt": "2020-01-01" }, wrong: "#token-scopes" },
    { at: "/settings", fill: { "#settings-zone": "Mars", "#settings-licensees": "Contoso\nFabrikam" }, kept: { "#settings-zone": "Mars", "#settings-licensees": "Contoso\nFabrikam" }, wrong: "#settings-zone" },
    { at: "/settings", fill: { "#settings-zone": "Europe/Berlin" }, kept: { "#settings-zone": "Europe/Berlin" }, wrong: "#settings-moves" }, // another zone moves months: it asks
    { at: "/catalogue/own", fill: { "#own-catalogue-text": "weight  nothing" }, kept: { "#own-catalogue-text": "weight  nothing" }, wrong: "#own-catalogue-text" },
    { at: "/account", fill: { "#own-password-old": "not this one", "#own-password-password": "a longer sentence", "#own-password-again": "a longer sentence" }, kept: { "#own-password-old": "" }, wrong: "#own-password-old" },
  ];
  for (const f of forms) {
    await page.goto(f.at);
    for (const [field, value] of Object.entries(f.fill ?? {})) await page.fill(field, value);
    for (const [field, value] of Object.entries(f.choose ?? {})) await page.selectOption(field, value);
    await page.click(f.form ? `form[action$="${f.form}"] button.main` : send);
    await page.waitForSelector("[role=alert]");
    for (const [field, value] of Object.entries(f.kept)) assert.equal(await page.inputValue(field), value, `${f.at} ${field}`);
    assert.ok(await page.textContent(`${f.wrong}-wrong`), `${f.at} says nothing at ${f.wrong}`);
    assert.match(await page.getAttribute(f.wrong, "aria-describedby"), /-wrong/);
    await page.click(`[role=alert] a[href="${f.wrong}"]`);
  }
  await page.context().close();
});

test("own weights are looked at, then count; a file fills the field", async () => {
  const page = await open(browser, console_);
  const go = journey(page, "administrator", "lets a weight of the provider's own count, from a file");
  await go.signIn(console_);
  await go.click("nav >> text=Catalogue");
  await go.click("main >> text=Your own weights");
  const month = (await (await page.context().request.get("/catalogue")).text()).match(/name="month"[^>]* value="(\d{4}-\d\d)"/)[1];
  await page.setInputFiles("#own-file", { name: "weights.txt", mimeType: "text/plain", buffer: Buffer.from(`# ours\nweight  VBR_vSphere_VM  Instances  *  2  ${month}  agreed\n`) });
  await page.waitForFunction(() => document.getElementById("own-catalogue-text").value.includes("agreed"));
  await go.click(send);
  assert.match(await page.textContent("ins"), /VBR_vSphere_VM {2}Instances {2}\* {2}2/);
  await go.click("text=Let this count");
  await page.waitForURL(/\/catalogue\?told=catalogue-set/);
  assert.match(await page.textContent("tr:has-text('your own')"), /instead of 1/);
  go.end();
  await page.context().close();
});
