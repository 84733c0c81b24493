// A session that ends while somebody types: nothing that was typed is lost, and each way of sending it says how to go on.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { demo, launch, open, signIn } from "./world.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let console_, browser;
before(async () => { console_ = await demo(); browser = await launch(); });
after(async () => { await browser?.close(); await console_?.stop(); });

// signOut ends the session of a page as another tab does. The page is kept from hearing of it by itself.
async function signOut(page) {
  await page.route("**/live*", (route) => route.abort());
  await page.context().clearCookies();
}

// clean wants nothing from axe.
async function clean(page) {
  await page.evaluate(axe);
  assert.deepEqual((await page.evaluate(() => axe.run())).violations.map((v) => v.id), []);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
}

test("a form that is sent too late is kept, and sent again after signing in elsewhere", async () => {
  for (const [colorScheme, width] of [["light", 1280], ["dark", 320]]) {
    const page = await open(browser, console_, { javaScriptEnabled: false, colorScheme, viewport: { width, height: 800 } });
    await signIn(page, console_);
    await page.goto("/companies/new");
    await page.fill("#company-name", `Contoso ${width} & "Söhne"`);
    await page.fill("#company-tag", "segment: gold\nbranch: north");
    await signOut(page);
    await page.click("main form.form button.main");
    assert.match(await page.title(), /^Signed out/);
    await page.click("button:text-is('Send it again')"); // without having signed in
    const [other] = await Promise.all([page.context().waitForEvent("page"), page.click("a:text-is('Sign in in another tab')")]);
    await other.fill("#name", console_.user);
    await other.fill("#password", console_.password);
    await other.click("button.main");
    await other.close();
    await page.click("button:text-is('Send it again')");
    await page.waitForURL(/told=company-added/);
    assert.match(await page.textContent("h1"), new RegExp(`Contoso ${width} & "Söhne"`));
    await page.click("text=Change");
    assert.equal((await page.inputValue("#company-edit-tag")).trim(), "branch: north\nsegment: gold");
    await page.context().close();
  }
});

test("passwords are typed again", async () => {
  const page = await open(browser, console_);
  await signIn(page, console_);
  await page.goto("/users/new");
  await page.fill("#user-name", "berta");
  for (const at of ["#user-password", "#user-again"]) await page.fill(at, "a sentence of a few words");
  await page.evaluate(() => document.querySelector("main form.form").addEventListener("submit", (event) => event.stopImmediatePropagation(), true)); // as where the page does not know yet
  await signOut(page);
  await page.click("main form.form button.main");
  await page.waitForSelector("h1:text-is('You are signed out')");
  assert.doesNotMatch(await page.content(), /a sentence of/);
  await clean(page);
  const other = await page.context().newPage();
  await signIn(other, console_);
  await other.close();
  await page.click("button:text-is('Send it again')");
  assert.equal(await page.evaluate(() => document.activeElement.id), "ended-password", "it was sent without a password");
  for (const at of ["#ended-password", "#ended-again"]) await page.fill(at, "a sentence of a few words");
  await page.click("button:text-is('Send it again')");
  await page.waitForURL(/\/users\/\d+\?told=user-added/);
  assert.match(await page.textContent("h1"), /berta/);
  await page.context().close();
});

test("what scripts ask for says that one is signed out", async () => {
  const page = await open(browser, console_);
  await signIn(page, console_);
  const out = (within) => page.locator(`${within} [role=alert]:has-text('You are signed out'), ${within}[role=alert]:has-text('You are signed out')`);
  const back = async () => { const other = await page.context().newPage(); await signIn(other, console_); await other.close(); };
  for (const [at, button] of [["/servers/new?company=2", "Test the connection"], ["/servers/new?company=2", "Add the server and read it"], ["/servers/1/edit", "Save"]]) {
    await page.goto(at);
    const address = page.locator("main [name=url]");
    await address.fill("vbr09.example.com");
    await page.locator("main [name=password]").fill("secret");
    await signOut(page);
    await page.click(`button:text-is("${button}")`);
    const said = out("main form");
    await said.waitFor();
    assert.equal(await said.locator("a[href='/sign-in'][target=_blank]").count(), 1);
    const [from, to] = [await page.locator(`button:text-is("${button}")`).boundingBox(), await said.boundingBox()];
    assert.ok(to.y > from.y && to.y - from.y < 120, `${button}: it is said ${to.y - from.y} pixels away`);
    assert.equal(await address.inputValue(), "vbr09.example.com");
    assert.equal(await page.locator("main [name=password]").inputValue(), "secret");
    assert.equal(await page.locator("#testing:visible").count(), 0);
    await clean(page);
    await back();
    await page.click("text=Test the connection");
    await page.waitForSelector("main .wrong:not(.unsent)");
    assert.equal(await said.count(), 0, "it is still said");
  }

  await page.goto("/companies");
  await signOut(page);
  await page.fill("main input[type=search]", "Southridge");
  await out("main tbody").waitFor();
  assert.doesNotMatch(await page.textContent("main table"), /does not answer/);
  await clean(page);
  await back();
  await page.click("tr.failed button");
  await page.waitForSelector("main tbody a:text-is('Southridge')");

  await page.goto("/companies/2");
  await signOut(page);
  await page.locator("main a[data-why]:visible").first().click();
  await out("dialog[open] ").waitFor();
  assert.match(page.url(), /\/companies\/2$/);
  await clean(page);
  await back();
  await page.click("dialog button");
  await page.locator("main a[data-why]:visible").first().click();
  await page.waitForSelector("dialog[open] table");
  assert.equal(await out("dialog").count(), 0);
  await page.click("dialog button");
  await page.route("**/why?*", (route) => route.abort());
  await page.locator("main a[data-why]:visible").first().click();
  await page.waitForSelector("dialog[open] [role=alert]:has-text('does not answer')");
  assert.match(page.url(), /\/companies\/2$/);
  await page.context().close();
});
