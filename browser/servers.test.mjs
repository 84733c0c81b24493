// The backup engineer's first five minutes: a company, its server, a wrong password, the figure, and why it is that.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { journey } from "./journey.mjs";
import { demo, launch, open, server, signIn } from "./world.mjs";

let console_, browser, vbr;
before(async () => { [console_, vbr] = await Promise.all([demo(), server("vbr-new")]); browser = await launch(); });
after(async () => { await browser?.close(); await vbr?.stop(); await console_?.stop(); });

test("a company and its server are added, and the figure says why", async () => {
  const page = await open(browser, console_);
  const go = journey(page, "backup engineer", "adds a company and a server, mistypes the password once, and sees why the figure is so");
  const { click, fill } = go;
  await go.signIn(console_);

  await click("nav >> text=Companies");
  await click("text=Add a company");
  await fill("#company-name", "Contoso");
  await click("main form button.main");
  await page.waitForURL(/\/companies\/\d+\/servers\?told=company-added/);
  await click("main a.main >> text=Add a server");
  assert.equal(await page.textContent("#server-company option:checked"), "Contoso");
  await fill("#server-url", vbr.address);
  await fill("#server-username", vbr.username);
  await fill("#server-password", "not this one");
  await click("text=Test the connection");
  await page.waitForSelector("#tested [name=fingerprint]");
  assert.equal(await page.getAttribute("#tested [name=fingerprint]", "value"), vbr.fingerprint);
  await click("#tested [name=fingerprint]"); // it is tried again by itself
  await page.waitForSelector("#tested .wrong:has-text('refuses the log-in')");
  assert.ok(await page.isChecked("#tested [name=fingerprint]"));
  const refused = await page.textContent("#tested .wrong");
  assert.match(refused, /password|account|log/i);
  console.log(`  a wrong password: ${refused.trim()}`);
  for (const [field, value] of [["#server-url", vbr.address], ["#server-username", vbr.username], ["#server-password", "not this one"]]) assert.equal(await page.inputValue(field), value);

  await fill("#server-password", vbr.password);
  assert.ok(await page.isVisible("#tested .wrong") && await page.isVisible("#outdated")); // why it failed is read while it is mended
  await click("text=Test the connection");
  await page.waitForSelector("#tested .told");
  assert.match(await page.textContent("#tested"), /13\.0.*Rental|It works/s);
  await fill("#server-name", "vbr-new");
  await click("text=Add the server and read it");
  await page.waitForURL(/\/servers\/\d+\?told=added-was-read/);
  assert.match(await page.textContent("main"), /read lately/);
  await click("text=The company's figure, and why");
  const used = page.locator("tr:has-text('VBR_vSphere_VM') a[data-why]").first();
  assert.equal(await used.textContent(), "34");
  await click(used);
  await page.waitForSelector("dialog[open] >> text=web01");
  go.end();
  assert.deepEqual(page.errors, []);
  assert.deepEqual(page.elsewhere, []);
  await page.context().close();
});

test("what was tested says nothing about another address, and its certificate is confirmed anew", async () => {
  const page = await open(browser, console_);
  await signIn(page, console_);
  const other = await server("vbr-other");
  try {
    await page.goto("/servers/new?company=2");
    await page.fill("#server-url", vbr.address);
    await page.fill("#server-username", vbr.username);
    await page.fill("#server-password", vbr.password);
    await page.click("text=Test the connection");
    await page.check("#tested [name=fingerprint]");
    await page.waitForSelector("#tested .told:has-text('It works')");
    const outdated = page.locator("#outdated"), works = page.locator("#tested .told"), box = page.locator("#tested [name=fingerprint]");
    assert.equal(await outdated.isVisible(), false);
    await page.fill("#server-name", "another name"); // which changes nothing about it
    assert.ok(await works.isVisible() && await box.isVisible() && !await outdated.isVisible());
    await page.fill("#server-username", "somebody else");
    assert.ok(!await works.isVisible() && await box.isVisible() && await outdated.isVisible());
    await page.fill("#server-username", vbr.username);
    assert.ok(await works.isVisible() && !await outdated.isVisible());
    await page.fill("#server-url", other.address);
    assert.ok(!await works.isVisible() && !await box.isVisible() && await outdated.isVisible());
    await page.click("text=Add the server and read it");
    await page.waitForSelector("#server-fingerprint-wrong:has-text('Nothing was added yet')");
    assert.equal(await box.getAttribute("value"), other.fingerprint);
    assert.ok(await box.isVisible() && !await box.isChecked() && !await outdated.isVisible());
    assert.equal(await page.evaluate(() => document.activeElement.name), "fingerprint");
    await page.check("#tested [name=fingerprint]");
    await works.waitFor();
    await page.click("text=Add the server and read it");
    await page.waitForURL(/\/servers\/\d+\?told=added-was-read/);
    assert.match(await page.textContent("main"), new RegExp(other.fingerprint));
  } finally { await other.stop(); }
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("without a script, a server is tested and added all the same", async () => {
  const page = await open(browser, console_, { javaScriptEnabled: false });
  await signIn(page, console_);
  await page.goto("/servers/new?company=2");
  await page.fill("#server-url", vbr.address);
  await page.fill("#server-name", "vbr-again");
  await page.fill("#server-username", vbr.username);
  await page.fill("#server-password", vbr.password);
  await page.click("text=Test the connection");
  await page.check("[name=fingerprint]");
  assert.equal(await page.inputValue("#server-password"), "");
  assert.equal(await page.inputValue("#server-url"), vbr.address);
  await page.fill("#server-password", vbr.password);
  await page.click("text=Test the connection");
  assert.match(await page.textContent("#tested"), /It works.*The same installation id has: vbr-new/s);
  await page.fill("#server-password", vbr.password);
  await page.click("text=Add the server and read it");
  assert.match(page.url(), /\/servers\/\d+\?told=added-/);
  await page.context().close();
});
