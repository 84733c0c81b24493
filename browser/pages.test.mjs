// Every page, in both themes and at the widths people have: what a reader with a screen reader, a keyboard or a phone would lose.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { get } from "node:https";
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

test("words stay whole, badges in their columns, and on a laptop every column is in sight", async () => {
  const setup = await open(browser, console_);
  await signIn(setup, console_);
  await setup.goto("/alarms");
  await setup.click("#rows th a");
  await setup.fill("main form input:not([type=hidden])", "It is being seen to");
  await setup.click("main form button:has-text('I know of it')");
  await setup.waitForSelector("text=Acknowledged");
  await setup.context().close();
  for (const [width, longest] of [[1280, 24], [1024, 14], [360, 10]]) {
    const page = await open(browser, console_, { viewport: { width, height: 800 } });
    await signIn(page, console_);
    for (const path of pages) {
      await page.goto(path, { waitUntil: "load" });
      const wrong = await page.evaluate(([longest, laptop]) => {
        const found = [], range = document.createRange(), shown = (x) => x.checkVisibility() && !x.closest(".unseen, .space, option, textarea, .id");
        const walker = document.createTreeWalker(document.getElementById("main"), NodeFilter.SHOW_TEXT);
        for (let node; (node = walker.nextNode());) {
          if (!shown(node.parentElement)) continue;
          for (const whole of node.data.matchAll(/\S+/g)) for (const word of whole[0].matchAll(/[\p{L}\d_]+/gu)) {
            if (whole[0].length > longest) break; // an id, an address in a sentence
            range.setStart(node, whole.index + word.index);
            range.setEnd(node, whole.index + word.index + word[0].length);
            if (new Set([...range.getClientRects()].filter((r) => r.width > 1).map((r) => Math.round(r.top))).size > 1) found.push(`${word[0]} is broken`);
          }
        }
        for (const cell of document.querySelectorAll("main :is(td, th)")) if (shown(cell) && cell.scrollWidth > cell.clientWidth + 1) found.push(`${cell.textContent.trim()} is wider than its column`);
        if (laptop) for (const part of document.querySelectorAll("main .wide")) if (part.scrollWidth > part.clientWidth + 1) found.push(`${part.ariaLabel} is cut`);
        return [...new Set(found)];
      }, [longest, width === 1280]);
      assert.deepEqual(wrong, [], `${path} at ${width}`);
    }
    await page.context().close();
  }
});

test("a page that comes slowly is shown when it is there, and does not move meanwhile", async () => {
  const first = await open(browser, console_);
  await signIn(first, console_);
  const cookie = (await first.context().cookies()).map((c) => `${c.name}=${c.value}`).join("; ");
  await first.context().close();
  const slow = createServer((q, answer) => { // what stands between, as a bad line does, gives pages in pieces
    get(console_.base + q.url, { rejectUnauthorized: false, headers: { cookie, accept: q.headers.accept } }, async (from) => {
      const body = Buffer.concat(await from.toArray());
      answer.writeHead(from.statusCode, { "content-type": from.headers["content-type"], "content-length": body.length });
      const step = from.headers["content-type"].startsWith("text/html") ? Math.ceil(body.length / 6) : body.length;
      for (let at = 0; at < body.length; at += step) {
        answer.write(body.subarray(at, at + step));
        if (at + step < body.length) await new Promise((on) => setTimeout(on, 100));
      }
      answer.end();
    });
  });
  await new Promise((on) => slow.listen(0, "127.0.0.1", on));
  const base = `http://127.0.0.1:${slow.address().port}`;
  try {
    for (const width of [360, 768, 2560]) {
      const page = await open(browser, { base }, { viewport: { width, height: 800 } });
      await page.addInitScript(() => {
        window.shifts = 0;
        new PerformanceObserver((list) => { for (const e of list.getEntries()) window.shifts += e.value; }).observe({ type: "layout-shift", buffered: true });
      });
      for (const path of ["/companies/2/changes", "/servers/1", "/settings", "/credentials"]) {
        await page.goto(path, { waitUntil: "load" });
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
        assert.equal(await page.evaluate(() => window.shifts), 0, `${path} shifts at ${width} where it comes slowly`);
      }
      await page.context().close();
    }
  } finally {
    slow.closeAllConnections();
    slow.close();
  }
});

test("what comes in pieces keeps its columns, and what scripts add has its room", async () => {
  for (const width of [320, 2560]) {
    const page = await open(browser, console_, { viewport: { width, height: 800 } });
    await signIn(page, console_);
    await page.goto("/servers/1");
    const moved = await page.evaluate(() => {
      const marks = [...document.querySelectorAll(".calendar thead th"), document.querySelector(".facts dd")];
      const left = () => marks.map((mark) => mark.getBoundingClientRect().left);
      const whole = left();
      for (const later of document.querySelectorAll(".calendar tbody tr, .facts dd ~ *")) later.remove();
      return left().filter((x, i) => x !== whole[i]).length;
    });
    assert.equal(moved, 0, `columns move at ${width} while the page comes`);
    const end = () => page.evaluate(() => document.querySelector(".zone").getBoundingClientRect().top);
    await page.goto("/catalogue/own");
    const with_ = await end();
    await page.route("**/portal.js", (route) => route.abort());
    await page.goto("/catalogue/own");
    assert.equal(await end(), with_, `the page's script moves what is there at ${width}`);
    await page.context().close();
  }
});

test("without scripts no chart is announced that never comes", async () => {
  const page = await open(browser, console_, { javaScriptEnabled: false });
  await signIn(page, console_);
  for (const path of ["/companies/2", "/companies/2/trend"]) {
    await page.goto(path);
    assert.equal(await page.locator(".chart, .recent").count() > 0, true);
    assert.equal(await page.locator(".chart:visible, .recent:visible, :text('Click a line'):visible").count(), 0, path);
  }
  await page.context().close();
});

test("on a phone the small charts are whole", async () => {
  for (const width of [320, 360]) {
    const page = await open(browser, console_, { viewport: { width, height: 740 } });
    await signIn(page, console_);
    for (const path of ["/companies/2", "/companies/4"]) {
      await page.goto(path);
      await page.waitForSelector(".recent .u-over");
      const left = await page.evaluate(() => Math.min(...[...document.querySelectorAll(".recent .chart")].map((c) => c.closest(".recent").getBoundingClientRect().bottom - c.getBoundingClientRect().bottom)));
      assert.ok(left >= 0, `${path} at ${width}: ${-left} pixels are cut`);
    }
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
