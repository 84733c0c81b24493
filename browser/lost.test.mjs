// A console that is stopped and comes back: an open page says so, and heals without a reload. What is done on the command line shows on it, too.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { launch, open, restartable, server, signIn } from "./world.mjs";

let console_, browser;
before(async () => { console_ = await restartable(); browser = await launch(); });
after(async () => { await browser?.close(); await console_?.stop(); });

test("a lost connection shows, and heals without a reload", async () => {
  const page = await open(browser, console_);
  await signIn(page, console_);
  await page.goto("/alarms");
  await page.waitForFunction(() => window.htmx);
  await page.evaluate(() => { window.loadedOnce = true; });
  assert.equal(await page.locator("#lost").isVisible(), false);

  await console_.down();
  const gone = performance.now();
  await page.waitForSelector("#lost:not([hidden])");
  console.log(`  said after ${((performance.now() - gone) / 1000).toFixed(1)} s: ${(await page.textContent("#lost")).trim()}`);
  assert.match(await page.textContent("h1"), /Alarms/); // what was there stays
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);

  await console_.up();
  const back = performance.now();
  await page.waitForSelector("#lost", { state: "hidden", timeout: 60_000 });
  console.log(`  healed ${((performance.now() - back) / 1000).toFixed(1)} s after it answered again`);
  assert.equal(await page.evaluate(() => window.loadedOnce), true);

  // And it listens again: what a command does shows.
  await console_.command("server", "add", "--company", "2", "--name", "gone", "--url", "https://127.0.0.1:1", "--username", "u", "--password-stdin", "--insecure");
  await page.evaluate(() => { window.begun = performance.now(); });
  const begun = performance.now();
  await console_.command("collect", "name:gone").catch(() => {}); // it cannot be read: that is the alarm
  await page.waitForSelector("text=gone cannot be read", { timeout: 20_000 });
  console.log(`  an alarm of a command's reading shows ${((performance.now() - begun) / 1000).toFixed(1)} s after the command began`);
  assert.equal(await page.evaluate(() => window.loadedOnce), true);
  assert.deepEqual(page.elsewhere, []);
  await page.context().close();
});

test("a form that is sent while the console is gone keeps what was typed, and is sent once when it is back", async () => {
  const page = await open(browser, console_);
  await signIn(page, console_);
  await page.goto("/users/new");
  await page.waitForLoadState("load");
  const words = "a sentence of a few words", button = page.locator("main form.form button.main"), said = page.locator("main form [role=alert]");
  const typed = { "#user-name": "carla", "#user-password": words, "#user-again": words };
  for (const [at, text] of Object.entries(typed)) await page.fill(at, text);
  const sent = [];
  page.on("request", (r) => { if (r.method() === "POST") sent.push(r.url()); });
  const broken = page.waitForEvent("requestfailed", (r) => new URL(r.url()).pathname === "/live");
  await console_.down();
  await broken;
  await button.click();
  await said.waitFor();
  assert.match(await said.textContent(), /does not answer/);
  const [from, to] = [await button.boundingBox(), await said.boundingBox()];
  assert.ok(to.y > from.y && to.y - from.y < 100, `it is said ${to.y - from.y} pixels away`);
  for (const [at, text] of Object.entries(typed)) assert.equal(await page.inputValue(at), text);
  assert.deepEqual(sent, []);

  await page.route("**/live*", (route) => route.abort()); // the page does not know yet that it is back
  await console_.up();
  await button.evaluate((b) => { b.click(); b.click(); });
  await page.waitForURL(/\/users\/\d+\?told=user-added/);
  assert.equal(sent.length, 1, "it was sent more than once");
  assert.match(await page.textContent("h1"), /carla/);
  await page.context().close();
});

test("users, tokens, the trail and names follow what is done elsewhere", async () => {
  const [page, other] = [await open(browser, console_, { viewport: { width: 1280, height: 15000 } }), await open(browser, console_)]; // all rows are in sight
  for (const one of [page, other]) await signIn(one, console_);
  const post = async (path, form) => assert.equal((await other.context().request.post(path, { form, headers: { Origin: console_.base }, maxRedirects: 0 })).status(), 303, path);
  const rename = async (name) => {
    const form = await (await other.context().request.get("/companies/2/edit")).text();
    const [, state] = /action="\/companies\/2\/edit">[^]*?name="state" value="([^"]*)"/.exec(form);
    await post("/companies/2/edit", { state, name, enabled: "1" });
  };
  const watch = async (at) => {
    await page.goto(at);
    await page.waitForFunction(() => window.htmx);
    await page.evaluate(() => { window.loadedOnce = true; });
  };
  const shows = async (at) => {
    await page.waitForSelector(at, { timeout: 20_000 });
    assert.equal(await page.evaluate(() => window.loadedOnce), true);
  };
  await watch("/users");
  const words = "a sentence of a few words";
  await post("/users", { name: "berta", role: "portal-readonly", company: "", password: words, again: words });
  await shows("#rows th:has-text('berta')");

  await watch("/companies/2/servers");
  await rename("Northwind Traders");
  await shows("h1:text-is('Northwind Traders')");

  // The trail is longer than a sheet: what is pushed off the first one is on the next.
  for (let i = 0; i < 105; i++) await rename(`Name ${i}`);
  await watch("/audit");
  const names = () => page.locator("tbody tr:not(.next) td.words").evaluateAll((cells) => cells.map((c) => /Name (\d+)$/.exec(c.textContent.trim())?.[1]).filter(Boolean).map(Number));
  const count = (many) => page.waitForFunction((of) => [...document.querySelectorAll("tbody td.words")].filter((c) => /Name \d+$/.test(c.textContent.trim())).length === of, many, { timeout: 20_000 })
    .catch(async () => assert.deepEqual(await names(), [...Array(many).keys()].reverse(), "the trail"));
  await count(105);
  for (let i = 105; i < 108; i++) await rename(`Name ${i}`);
  await count(108);
  assert.deepEqual(await names(), [...Array(108).keys()].reverse(), "a row is missing, or there twice");
  assert.equal(await page.evaluate(() => window.loadedOnce), true);

  // What is opened in a row stays open.
  const soon = new Date(Date.now() + 30 * 86400e3).toISOString().slice(0, 10);
  const token = async (name) => assert.equal((await other.context().request.post("/tokens", { form: { name, scopes: "read", expiresAt: soon }, headers: { Origin: console_.base } })).status(), 200);
  await watch("/tokens");
  await token("first");
  await shows("#rows th:has-text('first')");
  await page.click("#rows summary");
  await page.evaluate(() => { window.heard = new Promise((on) => document.addEventListener("refresh", on, { once: true })); });
  await token("second");
  await page.evaluate(() => window.heard.then(() => true));
  await page.waitForFunction(() => !document.querySelector("main table[aria-busy]"));
  assert.equal(await page.locator("#rows details[open]").count(), 1);
  await page.click("#rows details[open] summary");
  await shows("#rows th:has-text('second')");
  assert.deepEqual(page.errors, []);
  for (const one of [page, other]) await one.context().close();
});

test("a trend and what changed follow their own company, and are not asked for because of others", async (t) => {
  await console_.command("company", "add", "--name", "Contoso");
  const add = async (name, company) => {
    const one = await server(name);
    t.after(() => one.stop());
    await console_.command("server", "add", "--company", company, "--name", name, "--url", `https://${one.address}`, "--username", one.username, "--password-stdin", "--insecure");
  };
  await add("ours", "2");
  await add("theirs", "name:Contoso");
  const read = (name) => console_.command("collect", `name:${name}`);
  await read("ours");
  for (const path of ["/companies/2/trend", "/companies/2/changes"]) {
    const page = await open(browser, console_);
    await signIn(page, console_);
    await page.goto(path);
    await page.waitForFunction(() => window.htmx);
    await page.evaluate(() => { window.loadedOnce = true; });
    const head = await page.textContent("#live h2");
    await page.evaluate(() => { document.querySelector("#live h2").textContent = "old"; });
    let asked = 0;
    page.on("request", (r) => { if (r.url().endsWith(path)) asked++; });
    const heard = page.evaluate(() => new Promise((on) => { // this one listens beside the page, and hears when it does
      const source = new EventSource("/live");
      source.addEventListener("open", () => { window.listening = true; });
      source.addEventListener("changed", (event) => { if (event.data === "3") on(event.data); });
    }));
    await page.waitForFunction(() => window.listening);
    await read("theirs");
    assert.equal(await heard, "3");
    await page.waitForTimeout(3000); // by now the page would have asked
    assert.equal(asked, 0, `${path}: another company's reading was asked for`);
    assert.equal(await page.textContent("#live h2"), "old");
    await read("ours");
    await page.waitForFunction((is) => document.querySelector("#live h2").textContent === is, head, { timeout: 20_000 });
    assert.ok(asked > 0);
    if (path.endsWith("trend")) {
      await page.waitForSelector(".chart .u-over", { state: "attached" });
      assert.equal(await page.locator(".chart").count(), await page.locator(".chart .u-over").count(), "a chart is gone, or there twice");
    }
    assert.equal(await page.evaluate(() => window.loadedOnce), true);
    assert.deepEqual(page.errors, []);
    await page.context().close();
  }
});

test("of many open pages one listens, and all follow, also when that one is closed", async () => {
  const first = await open(browser, console_);
  await signIn(first, console_);
  await first.goto("/alarms");
  await first.waitForFunction(() => window.htmx);
  let streams = 0; // beside its own
  first.context().on("request", (r) => { if (new URL(r.url()).pathname === "/live") streams++; });
  const pages = [first];
  while (pages.length < 9) pages.push(await first.context().newPage()); // more than a browser has connections to one host
  for (const page of pages.slice(1)) {
    await page.goto("/alarms");
    await page.waitForFunction(() => window.htmx);
  }
  assert.equal(streams, 0);
  const fail = async (name) => {
    await console_.command("server", "add", "--company", "2", "--name", name, "--url", "https://127.0.0.1:1", "--username", "u", "--password-stdin", "--insecure");
    await console_.command("collect", `name:${name}`).catch(() => {});
  };
  await fail("nine");
  for (const page of pages) await page.waitForSelector("text=nine cannot be read", { timeout: 20_000 });
  await pages.shift().close();
  await fail("eight");
  for (const page of pages) await page.waitForSelector("text=eight cannot be read", { timeout: 20_000 });
  assert.equal(streams, 1);
  await pages[0].context().close();
});

test("who is signed out elsewhere keeps what was typed, and goes on", async () => {
  const [page, other] = [await open(browser, console_), await open(browser, console_)];
  for (const one of [page, other]) await signIn(one, console_);
  const idle = await page.context().newPage();
  await idle.goto("/alarms");
  await page.goto("/companies/new");
  await page.waitForFunction(() => window.htmx);
  await page.fill("[name=name]", "Half typed Ltd");
  assert.equal((await other.context().request.post("/account/sign-out", { form: { sure: "1" }, headers: { Origin: console_.base }, maxRedirects: 0 })).status(), 303);
  await page.waitForSelector("#out:not([hidden])", { timeout: 30_000 });
  assert.equal(await page.inputValue("[name=name]"), "Half typed Ltd");
  await idle.waitForURL(/sign-in/, { timeout: 30_000 });
  const [again] = await Promise.all([page.context().waitForEvent("page"), page.click("#out a")]);
  await signIn(again, console_);
  await again.close();
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange"))); // a window without a screen is always seen
  await page.waitForSelector("#out", { state: "hidden" });
  await page.click("main form button.main");
  await page.waitForSelector("h1:has-text('Half typed Ltd')");
  for (const one of [page, other]) await one.context().close();
});

test("of a company whose server was never read nothing is known, and its first day shows as a point", async () => {
  const uid = "c0de0000-0000-4000-8000-00000000000f";
  await console_.command("company", "add", "--name", "Fabrikam");
  await console_.command("server", "add", "--company", "name:Fabrikam", "--name", "first", "--installation-id", uid);
  const page = await open(browser, console_);
  await signIn(page, console_);
  await page.goto("/companies?search=Fabrikam");
  const path = await page.getAttribute("#rows th a:text-is('Fabrikam')", "href");
  await page.goto(path);
  await page.waitForSelector(".recent:has-text('Nothing had been read in these days')");
  assert.doesNotMatch(await page.textContent("#main"), /Nothing is used/);
  await page.evaluate(() => { window.loadedOnce = true; });
  await console_.pour({
    schema: "tallystick.snapshot/v1", takenAt: new Date().toISOString(), product: "vbr", server: { installationId: uid, name: "first" }, license: { type: "Rental" },
    workloads: [{ id: "w", name: "web", type: "VBR_vSphere_VM", firstProtectedAt: "2026-01-01T00:00:00Z" }],
  });
  await page.waitForSelector(".recent .u-over", { state: "attached", timeout: 20_000 });
  assert.equal(await page.evaluate(() => window.loadedOnce), true);
  // How much of a chart has the colour of what is used: its axes and the other lines have others.
  const drawn = () => page.locator(".chart").first().evaluate((box) => {
    const probe = document.body.appendChild(Object.assign(document.createElement("a"), { href: "#", textContent: "x" }));
    const main = /\d+, \d+, \d+/.exec(getComputedStyle(probe).color)[0];
    probe.remove();
    const canvas = box.querySelector("canvas"), { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let seen = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255 && main === `${data[i]}, ${data[i + 1]}, ${data[i + 2]}`) seen++;
    return seen;
  });
  assert.ok(await drawn() > 0, "the small chart shows nothing");
  await page.goto(`${path}/trend`);
  await page.waitForSelector(".u-over");
  assert.ok(await drawn() > 0, "the trend shows nothing");
  assert.deepEqual(page.errors, []);
  await page.context().close();
});
