// Every page, in both themes and at the widths people have: what a reader with a screen reader, a keyboard or a phone would lose.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { every, fill, paths } from "./every.mjs";
import { demo, lastMonth, launch, open, signIn } from "./world.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const pages = paths(lastMonth);

let console_, browser;
before(async () => {
  console_ = await demo();
  browser = await launch();
  const page = await open(browser, console_);
  await signIn(page, console_);
  await fill(page, lastMonth);
  await page.context().close();
});
after(async () => { await browser?.close(); await console_?.stop(); });

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing: ${colorScheme}`, async () => {
    const page = await open(browser, console_, { colorScheme, bypassCSP: true });
    const found = [];
    const look = async (path, send) => {
      await page.goto(path);
      if (send) await send();
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => axe.run());
      for (const v of violations) found.push(`${path} ${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).slice(0, 3).join(" ")}`);
    };
    await look("/sign-in");
    await signIn(page, console_);
    for (const path of pages) await look(path);
    await look("/users/new", async () => { await page.fill("#user-name", "x"); await page.fill("#user-password", "short"); await page.click("main form button.main"); await page.waitForSelector("[role=alert]"); });
    await look("/tokens/new", async () => { await page.fill("#token-name", colorScheme); await page.check("[name=scopes][value=read]"); await page.click("main form button.main"); await page.waitForSelector("#secret"); });
    await look("/tokens", () => page.click("summary"));
    await look("/catalogue/own", async () => { await page.fill("#own-catalogue-text", "type  Backup_Tape  -  object  -"); await page.click("main form button.main"); await page.waitForSelector("ins"); });
    assert.deepEqual(found, []);
    await page.context().close();
  });
}

test("nothing shifts, overflows, fails or is loaded from elsewhere", async () => {
  for (const width of [320, 640, 768, 1280, 2560]) { // 640: a laptop's window at 200 %
    const page = await open(browser, console_, { viewport: { width, height: 800 } });
    await page.addInitScript(() => {
      window.shifts = 0;
      new PerformanceObserver((list) => { for (const e of list.getEntries()) window.shifts += e.value; }).observe({ type: "layout-shift", buffered: true });
    });
    await signIn(page, console_);
    for (const path of pages) {
      await page.goto(path, { waitUntil: "load" });
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      assert.equal(await page.evaluate(() => window.shifts), 0, `${path} shifts at ${width}`);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} is wider than ${width}`);
    }
    assert.deepEqual(page.elsewhere, []);
    assert.deepEqual(page.errors.filter((e) => !e.includes("404")), []);
    await page.context().close();
  }
});

test("on paper stand the figures, whole, dark on white, and nothing to press", async () => {
  const page = await open(browser, console_, { colorScheme: "dark", viewport: { width: 688, height: 972 } }); // A4 within its margins
  await signIn(page, console_);
  for (const { at } of every(lastMonth).filter((p) => p.print)) {
    await page.goto(at);
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    const seen = await page.evaluate(() => {
      const right = (x) => x.getBoundingClientRect().right;
      return {
        pressed: [...document.querySelectorAll("nav, button, input, select, .button, .files")].filter((x) => x.checkVisibility()).map((x) => x.outerHTML),
        cut: [...document.querySelectorAll("main table, main canvas")].filter((x) => x.checkVisibility() && right(x) > innerWidth + 1).map((x) => `${x.className} ends at ${right(x)}`),
        ground: getComputedStyle(document.body).backgroundColor, text: getComputedStyle(document.body).color, tables: [...document.querySelectorAll("main table")].filter((x) => x.checkVisibility()).length,
      };
    });
    assert.deepEqual({ ...seen, tables: seen.tables > 0 }, { pressed: [], cut: [], ground: "rgb(255, 255, 255)", text: "rgb(28, 29, 32)", tables: true }, at);
    await page.emulateMedia({ media: null, colorScheme: "dark" });
  }
  await page.context().close();
});

test("the first page weighs less than 150 kB", async () => {
  const page = await open(browser, console_);
  await signIn(page, console_);
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.clearBrowserCache");
  let bytes = 0;
  session.on("Network.loadingFinished", (e) => { bytes += e.encodedDataLength; });
  await page.goto("/", { waitUntil: "load" });
  await page.waitForFunction(() => document.readyState === "complete");
  assert.ok(bytes > 1000 && bytes < 150_000, `${bytes} bytes`);
  console.log(`  the first page: ${bytes} bytes`);
  await page.context().close();
});
