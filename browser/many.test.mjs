// Thousands of companies (COMPANIES=10000): their list scrolls to its end, is searched and sorted. How long
// its frames take is told, not asked: that depends on what else the machine does.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { fleet, launch, open, signIn } from "./world.mjs";

const companies = Number(process.env.COMPANIES ?? 2000);
const last = String(companies - 1).padStart(5, "0");
let console_, browser;
before(async () => { console_ = await fleet(companies); browser = await launch(); });
after(async () => { await browser?.close(); await console_?.stop(); });

// scroll goes to the end of the list as a wheel does, and gives how long the frames took that were longer than 50 ms.
async function scroll(page) {
  await page.goto("/companies");
  await page.waitForFunction(() => window.htmx);
  await page.evaluate(() => {
    window.long = [];
    new PerformanceObserver((list) => { for (const e of list.getEntries()) window.long.push(Math.round(e.duration)); }).observe({ type: "long-animation-frame" });
  });
  for (let rounds = 0; ; rounds++) {
    assert.ok(rounds < companies, "the list does not end");
    const rows = await page.evaluate(() => new Promise((done) => {
      let steps = 0;
      const step = () => { scrollBy(0, 900); if (++steps < 40) requestAnimationFrame(step); else done(document.querySelectorAll("#rows tr:not(.next)").length); };
      requestAnimationFrame(step);
    }));
    const end = await page.evaluate(() => !document.querySelector("#rows tr.next") && scrollY + innerHeight >= document.documentElement.scrollHeight - 2);
    if (end) { assert.equal(rows >= companies, true, `${rows} rows`); break; }
  }
  return page.evaluate(() => window.long);
}

test("scrolling to the end", async () => {
  const page = await open(browser, console_);
  await signIn(page, console_);
  const runs = [];
  for (let i = 0; i < 3; i++) runs.push(await scroll(page));
  console.log(`  frames over 50 ms in three runs: ${JSON.stringify(runs)}`);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("searching and sorting", async () => {
  const page = await open(browser, console_);
  await signIn(page, console_);
  await page.goto("/companies");
  await page.fill("#search", last);
  await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 1);
  assert.match(await page.innerText("#rows"), new RegExp(`Company ${last}`));
  assert.match(page.url(), new RegExp(`search=${last}`));
  await page.fill("#search", "");
  await page.waitForFunction(() => document.querySelectorAll("#rows tr").length > 50);
  await page.click("thead th:nth-child(3) a");
  assert.match(page.url(), /sort=-used/);
  assert.equal(await page.getAttribute("thead th:nth-child(3)", "aria-sort"), "descending");
  assert.deepEqual(page.errors, []);
  await page.context().close();
});
