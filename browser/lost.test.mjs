// A console that is stopped and comes back: an open page says so, and heals without a reload. What is done on the command line shows on it, too.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { launch, open, restartable, signIn } from "./world.mjs";

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
