// The billing clerk's morning: last month's figures of each company, with reasons, on their way to an invoice.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { journey } from "./journey.mjs";
import { demo, lastMonth, launch, open } from "./world.mjs";

let console_, browser;
before(async () => { console_ = await demo(); browser = await launch(); });
after(async () => { await browser?.close(); await console_?.stop(); });

// clerk is a page with what a clerk does on it.
async function clerk(what) {
  const page = await open(browser, console_);
  const go = journey(page, "billing clerk", what);
  await go.signIn(console_);
  return {
    ...go,
    said: async (text) => assert.ok((await page.textContent("#main")).includes(text), `${text} is not in ${await page.textContent("#main")}`),
    // file is what a link leads to: its name, and its first bytes.
    async file(name) {
      const file = await go.download(`.files a:text-is("${name}")`);
      return { name: file.suggestedFilename(), begin: (await readFile(await file.path())).subarray(0, 4).toString("latin1") };
    },
  };
}

test("last month is billed in a few clicks", async () => {
  const c = await clerk("drafts, approves and finalises last month, and downloads an invoice's PDF, XLSX and bundle");
  await c.click('h2 a:has-text("Statements of")');
  await c.button("Draft all");
  await c.said("6 statements were drafted.");
  await c.click('summary:text-is("Approve all without issues …")');
  await c.said("it cannot be drafted any more: it is passed over");
  await c.button("Approve all without issues");
  await c.said("6 statements were approved.");
  await c.click('summary:text-is("Make the month final …")');
  await c.button("Make the month final");
  await c.said("6 statements were made final.");
  await c.click('tbody a:text-is("Northwind")');
  await c.said("Final");
  const pdf = await c.file("PDF");
  assert.equal(pdf.begin, "%PDF");
  assert.match(pdf.name, /^tallystick-.*\.pdf$/);
  assert.equal((await c.file("XLSX")).begin.slice(0, 2), "PK");
  assert.match((await c.file("Signed bundle")).name, new RegExp(`-${lastMonth}-1\\.zip$`));
  c.end();
  assert.deepEqual(c.page.errors, []);
  await c.page.context().close();
});

test("a final statement is superseded and billed otherwise, and what was typed wrongly stays", async () => {
  const c = await clerk("supersedes a final statement, bills one machine less, mistypes twice on the way");
  await c.page.goto(`/statements/${lastMonth}/2`);
  await c.fill("#supersede-reason", "one machine was a test");
  await c.button("Supersede");
  await c.said("there is nothing to supersede");
  assert.equal(await c.page.inputValue("#supersede-reason"), "one machine was a test");
  await c.click("[name=to-adjust]");
  await c.button("Supersede");
  await c.said("This new draft supersedes the final statement.");
  await c.fill("#adjust-count", "4000");
  await c.fill("#adjust-reason", "a test machine");
  const places = () => c.page.locator("form[action$='/adjust']").evaluate((form) => [...form.querySelectorAll("select, input:not([type=hidden]), button")].map((x) => {
    const [box, of] = [x.getBoundingClientRect(), form.getBoundingClientRect()];
    return [x.name || x.textContent, box.x - of.x, box.y - of.y, box.width].join(" ");
  }));
  const before = await places();
  await c.button("Take it off");
  await c.said("4000 cannot be taken");
  assert.deepEqual(await places(), before, "what is wrong moves the fields");
  assert.equal(await c.page.inputValue("#adjust-reason"), "a test machine");
  await c.fill("#adjust-count", "1");
  await c.button("Take it off");
  await c.said("Less is billed now.");
  await c.said("What differs from version 1");
  await c.button("Approve");
  await c.said("The statement is approved.");
  await c.click('summary:text-is("Make final …")');
  await c.button("Make final");
  await c.said("The statement is final.");
  assert.match((await c.file("PDF")).name, /-2\.pdf$/);
  c.end();
  await c.page.context().close();
});

test("two clerks do not overwrite each other", async () => {
  const [first, second] = [await clerk(), await clerk()];
  for (const c of [first, second]) {
    await c.page.goto(`/statements/${lastMonth}/3`);
  }
  for (const c of [first, second]) {
    await c.fill("#supersede-reason", "seen twice");
    await c.page.check("[name=to-adjust]");
  }
  for (const c of [first, second]) await c.button("Supersede"); // what the second has typed stays, whatever the first does
  await first.said("This new draft supersedes the final statement.");
  await second.said("Somebody changed this statement while you had it open.");
  await second.said("You had typed: seen twice");
  for (const c of [first, second]) await c.page.context().close();
});

test("what another clerk does shows without a reload, and what is half typed stays", async () => {
  const [seen, month, other] = [await clerk(), await clerk(), await clerk()];
  await seen.page.goto(`/statements/${lastMonth}/4`);
  await month.page.goto(`/statements/${lastMonth}`);
  await other.page.goto(`/statements/${lastMonth}/4`);
  for (const { page } of [seen, month]) {
    await page.waitForFunction(() => window.htmx);
    await page.evaluate(() => { window.loadedOnce = true; });
  }
  const row = (state) => month.page.waitForSelector(`#rows tr:has(a[href="/statements/${lastMonth}/4"]) :text-is("${state}")`);
  const counted = (count) => month.page.waitForFunction((of) => document.querySelector('#live a[href*="state=approved"]').textContent.trim().endsWith(` ${of}`), count);
  await counted(0);
  await other.fill("#supersede-reason", "counted wrongly");
  await other.page.check("[name=to-adjust]");
  const begun = performance.now();
  await other.button("Supersede");
  await seen.page.waitForSelector("#live h1 :text-is('Draft')");
  await row("Draft");
  console.log(`  a step of somebody else's shows ${((performance.now() - begun) / 1000).toFixed(1)} s after the button`);

  await seen.page.fill("#adjust-reason", "half a rea");
  await seen.page.evaluate(() => { window.heard = new Promise((on) => document.addEventListener("refresh", on, { once: true })); });
  await other.button("Approve");
  await row("Approved");
  await counted(1);
  await seen.page.evaluate(() => window.heard.then(() => true));
  assert.equal(await seen.page.inputValue("#adjust-reason"), "half a rea");
  await seen.said("Draft");

  await seen.page.fill("#adjust-reason", "");
  await seen.page.focus("#main");
  await seen.page.waitForSelector("#live h1 :text-is('Approved')");
  await seen.page.click('summary:text-is("Make final …")');
  await other.fill("#reopen-reason", "looked at again");
  await seen.page.evaluate(() => { window.heard = new Promise((on) => document.addEventListener("refresh", on, { once: true })); });
  await other.button("Reopen");
  await seen.page.evaluate(() => window.heard.then(() => true));
  assert.equal(await seen.page.isVisible('button:text-is("Make final")'), true, "what was opened is closed");
  await seen.page.click('summary:text-is("Make final …")');
  await seen.page.waitForSelector("#live h1 :text-is('Draft')");
  for (const { page } of [seen, month]) {
    assert.equal(await page.evaluate(() => window.loadedOnce), true);
    assert.deepEqual(page.errors, []);
  }
  for (const c of [seen, month, other]) await c.page.context().close();
});
