// Why does it say that? From a number down to a machine, by mouse and by keyboard, through the days, and with a link for a colleague.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { demo, launch, open, signIn } from "./world.mjs";

let console_, browser;
before(async () => { console_ = await demo(); browser = await launch(); });
after(async () => { await browser?.close(); await console_?.stop(); });

// reader is a page that is signed in, whose clicks are counted and whose layout shifts are noted.
async function reader(options) {
  const page = await open(browser, console_, options);
  await page.addInitScript(() => {
    window.shifts = [];
    new PerformanceObserver((list) => { // what a click opens moves what lies below it, and is no shift
      for (const e of list.getEntries()) if (!e.hadRecentInput) window.shifts.push(...e.sources.map((s) => `${s.node?.nodeName} ${s.node?.className ?? s.node?.textContent} ${s.previousRect.x},${s.previousRect.y} → ${s.currentRect.x},${s.currentRect.y}`));
    }).observe({ type: "layout-shift", buffered: true });
  });
  await signIn(page, console_);
  const begin = Date.now();
  let clicks = 0;
  return {
    page,
    click: async (what) => { clicks++; await page.click(what); },
    press: async (key) => { clicks++; await page.keyboard.press(key); },
    told(what) { console.log(`  ${what}: ${clicks} clicks or keys, ${((Date.now() - begin) / 1000).toFixed(1)} s`); },
    async end() {
      assert.deepEqual(page.errors, []);
      assert.deepEqual(page.elsewhere, []);
      await page.context().close();
    },
  };
}

test("a number of the overview is explained down to a machine, and to the readings that it came from", async () => {
  const r = await reader();
  await r.click('tr:has-text("Northwind") td:nth-of-type(3) a'); // what it uses now
  await r.page.waitForSelector("h1:has-text('All types: Used')");
  const units = await r.page.textContent(".big .n");
  assert.match(await r.page.textContent("#main"), /C7: protected, and not new: charged/);
  const machine = await r.page.textContent("tbody th a");
  await r.click("tbody th a");
  await r.page.waitForSelector(`h1:has-text("${machine} over time")`);
  assert.match(await r.page.textContent("tbody tr"), /used.*C7/s);
  await r.click("tbody th a");
  await r.page.waitForSelector("#readings:has-text('Readings of')");
  r.told(`${units} units down to one machine and its reading`);
  await r.end();
});

test("who follows a machine out of the panel and comes back finds the panel as it was, by mouse and by keyboard", async () => {
  const r = await reader();
  const place = () => r.page.evaluate(() => ({ open: document.querySelector("dialog").open, top: document.querySelector("dialog").scrollTop, focus: document.activeElement.textContent, href: document.activeElement.getAttribute("href") }));
  await r.page.goto("/companies/2");
  for (const way of ["click", "press"]) {
    const number = r.page.locator('tr:has-text("VBR_vSphere_VM") a[data-why]').first();
    if (way === "click") await number.click(); else { await number.focus(); await r.page.keyboard.press("Enter"); }
    await r.page.waitForSelector("dialog[open] h1:has-text('Used')");
    const head = await r.page.textContent("#why-body h1");
    const machine = r.page.locator("#why-body tbody th a").nth(20);
    await machine.focus(); // which scrolls to it
    const before = await place();
    assert.ok(before.top > 0, "the panel is too short to be scrolled");
    if (way === "click") await machine.click(); else await r.page.keyboard.press("Enter");
    await r.page.waitForSelector(`h1:has-text("${before.focus} over time")`);
    await r.page.goBack();
    await r.page.waitForSelector("dialog[open] h1");
    assert.equal(await r.page.textContent("#why-body h1"), head);
    assert.deepEqual(await place(), before);
    await r.page.keyboard.press("Escape");
    const after = await place();
    assert.deepEqual([after.open, new URL(after.href, console_.base).pathname], [false, "/companies/2/why"], "the focus is not back at the number");
    await r.page.reload();
    await r.page.waitForFunction(() => document.readyState === "complete");
    assert.equal(await r.page.locator("dialog[open]").count(), 0, "what was closed is open again");
  }
  await r.end();
});

test("a machine is found, and its figure", async () => {
  const r = await reader();
  await r.page.fill("#find", "WEB01");
  await r.press("Enter");
  await r.page.waitForSelector("h1:has-text('Where is it counted?')");
  await r.click("tbody th a >> nth=0");
  await r.page.waitForSelector("h1:has-text('over time')");
  await r.click("td.n a >> nth=0");
  await r.page.waitForSelector("h1:has-text('Used'), h1:has-text('New')");
  r.told("a machine's figure");
  await r.end();
});

test("a bar and a point of the trend lead to the workloads behind them, and so do the cells", async () => {
  const r = await reader();
  for (const by of ["month", "day"]) {
    await r.page.goto(`/companies/2/trend?by=${by}`);
    await r.page.waitForSelector(".u-over");
    assert.ok(await r.page.locator("tbody td:has-text('not there yet')").count() > 0, "what was not read is a number");
    const cell = r.page.locator("tbody tr:last-child td a").first();
    const [to, box] = [await cell.getAttribute("href"), await r.page.locator(".u-over").first().boundingBox()];
    const sent = r.page.waitForRequest((q) => q.url().includes("/why?"));
    if (by === "month") { // the last bar but two of the last month: what is used
      const room = box.width / (await r.page.locator("tbody tr[data-t]").count() + 0.2);
      const wide = Math.min(room * 0.7, 96) / 3;
      await r.page.mouse.click(box.x + box.width - 0.6 * room - wide, box.y + box.height - 20);
    } else {
      await r.page.mouse.click(box.x + box.width - 2, box.y + 25);
    }
    assert.equal(new URL((await sent).url()).search, new URL(to, console_.base).search);
    await r.page.waitForSelector("dialog[open] h1:has-text('Used')");
    await r.page.keyboard.press("Escape");
    await r.page.click("summary");
    await cell.focus();
    await r.page.keyboard.press("Enter");
    await r.page.waitForSelector("dialog[open] h1:has-text('Used')");
    await r.page.keyboard.press("Escape");
  }
  assert.deepEqual(await r.page.evaluate(() => window.shifts), []);
  await r.end();
});

test("the slider moves a figure through the days by keyboard, without a reload or a shift", async () => {
  const r = await reader();
  await r.page.goto("/companies/2");
  await r.page.waitForSelector(".recent .u-over");
  await r.page.evaluate(() => { window.same = true; });
  const figure = () => r.page.textContent("#live");
  const now = await figure();
  await r.page.focus("#slide");
  for (let i = 0; i < 3; i++) await r.press("PageDown");
  await r.page.waitForURL(/\?day=/);
  await r.page.waitForFunction((was) => document.getElementById("live").textContent !== was, now);
  const day = new URL(r.page.url()).searchParams.get("day");
  assert.equal(await r.page.inputValue("#day"), day);
  assert.match(await r.page.getAttribute("#slide", "aria-valuetext"), /^\w+day \d+ \w+ 20\d\d$/);
  assert.equal(await r.page.getAttribute("#slide", "aria-valuetext"), await r.page.textContent("output"));
  assert.ok((await figure()).includes(`${day} 23:59`));
  assert.equal(await r.page.evaluate(() => document.activeElement.id), "slide");
  assert.equal(await r.page.evaluate(() => document.querySelectorAll("[data-live]").length), 0, "the past is not refreshed");
  assert.equal(await r.page.evaluate(() => window.same), true, "the page was loaded again");
  assert.deepEqual(await r.page.evaluate(() => window.shifts), []);
  const words = await r.page.textContent("output");
  r.told("a figure of another day");
  await r.page.goto(r.page.url()); // as a colleague opens it
  assert.equal(await r.page.textContent("output"), words, "the server says the day in other words");
  await r.page.goBack();
  await r.page.waitForURL((u) => u.search === "");
  await r.page.waitForFunction(() => document.querySelector("[data-live]"));
  await r.end();
});

test("without a script the slider is sent with its form", async () => {
  const r = await reader({ javaScriptEnabled: false });
  await r.page.goto("/companies/2");
  const last = await r.page.inputValue("#day");
  await r.page.focus("#slide");
  for (let i = 0; i < 2; i++) await r.page.keyboard.press("ArrowLeft");
  await r.click('form.when button');
  await r.page.waitForURL(/\?day=/);
  assert.equal((Date.parse(last) - Date.parse(new URL(r.page.url()).searchParams.get("day"))) / 864e5, 2);
  await r.end();
});

test("the charts are drawn again for the dark and for paper", async () => {
  const r = await reader();
  await r.page.goto("/companies/2/trend?by=month");
  await r.page.waitForSelector(".u-over");
  const look = () => r.page.evaluate(() => { const c = document.querySelector(".chart canvas"); return c.toDataURL(); });
  const light = await look();
  await r.page.emulateMedia({ colorScheme: "dark" });
  await r.page.waitForFunction((was) => document.querySelector(".chart canvas").toDataURL() !== was, light);
  const dark = await look();
  await r.page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  assert.notEqual(await look(), dark);
  assert.equal(await r.page.evaluate(() => document.querySelector("details").open), true, "the numbers are not on paper");
  await r.page.evaluate(() => dispatchEvent(new Event("afterprint")));
  assert.equal(await look(), dark);
  assert.equal(await r.page.evaluate(() => document.querySelector("details").open), false);
  await r.page.setViewportSize({ width: 700, height: 800 });
  await r.page.waitForFunction(() => document.querySelector(".chart canvas").clientWidth < 700);
  await r.end();
});
