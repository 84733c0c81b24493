// With a keyboard alone: from signing in to less on a statement. What has the focus is seen, and it is never lost.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { journey } from "./journey.mjs";
import { demo, lastMonth, launch, open, signIn } from "./world.mjs";

let console_, browser;
before(async () => { console_ = await demo(); browser = await launch(); });
after(async () => { await browser?.close(); await console_?.stop(); });

// here says what has the focus, and whether that is seen.
const here = (page) => page.evaluate(() => {
  const x = document.activeElement, box = x.getBoundingClientRect(), style = getComputedStyle(x);
  return {
    tag: x.tagName, id: x.id, text: (x.innerText || x.value || "").trim(), href: x.getAttribute("href"),
    seen: x.matches("body, main, dialog, [type=date]:not(:focus)") || // of a date's parts, the browser marks the calendar by itself
      (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.width > 0 && box.top < innerHeight && box.bottom > 0),
  };
});

// person is a page with the keys that a person presses on it.
async function person() {
  const page = await open(browser, console_);
  let keys = 0;
  const press = async (key) => { keys++; await page.keyboard.press(key); };
  // tab goes on until something fits; back from the page's end to its top is fine once.
  const tab = async (fits, what, most = 150) => {
    for (let i = 0; i < most; i++) {
      await press("Tab");
      const now = await here(page);
      assert.ok(now.seen, `what has the focus is not seen: ${JSON.stringify(now)}`);
      if (fits(now)) return now;
    }
    assert.fail(`${what} is not reached by Tab`);
  };
  return { page, press, tab, type: (text) => page.keyboard.type(text), keys: () => keys };
}

test("a whole journey by Tab, Enter and Escape", async () => {
  const { page, press, tab, type, keys } = await person();
  const go = journey(page, "anybody", "by keyboard alone: signs in, opens a company and why its figure is so, drafts and adjusts its statement");
  await page.goto("/sign-in");
  assert.equal((await here(page)).id, "name"); // one begins where one types
  await type(console_.user);
  await press("Tab");
  await type(console_.password);
  await press("Enter");
  await page.waitForURL((u) => u.pathname === "/");

  await press("Tab"); // the first stop leads past the navigation
  assert.equal((await here(page)).text, "To the content");
  await press("Enter");
  assert.equal((await here(page)).id, "main");
  await page.goto("/");
  await tab((x) => x.text === "Companies", "the companies");
  await press("Enter");
  await page.waitForURL(/\/companies$/);
  await tab((x) => x.text === "Northwind", "Northwind");
  await press("Enter");
  await page.waitForURL(/\/companies\/2$/);
  const opener = await tab((x) => x.href?.includes("/why?"), "the first number");
  await press("Enter");
  await page.waitForSelector("dialog[open] #why-body h1");
  assert.ok(await page.evaluate(() => document.activeElement.closest("dialog")), "the focus is not in the panel");
  await tab((x) => x.href?.includes("at=") || x.href?.includes("/servers/"), "a link in the panel", 10);
  assert.ok(await page.evaluate(() => document.activeElement.closest("dialog")), "the focus has left the panel");
  await press("Escape");
  assert.equal(await page.locator("dialog[open]").count(), 0);
  assert.equal((await here(page)).href, opener.href, "the focus is not back at the number");

  await page.goto(`/statements/${lastMonth}/2`);
  await tab((x) => x.text === "Draft", "Draft");
  await press("Enter");
  await page.waitForURL(/told=drafted/);
  await tab((x) => x.id === "adjust-count", "how many fewer");
  await type("1");
  await tab((x) => x.id === "adjust-reason", "the reason", 2);
  await press("Enter"); // without a reason: the browser keeps it, and the focus stays
  assert.equal((await here(page)).id, "adjust-reason");
  await type("a test machine");
  await press("Enter");
  await page.waitForURL(/told=adjusted/);
  go.end(`: ${keys()} keys beside what is typed`);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("the focus survives what changes by itself, and what is searched", async () => {
  const { page, tab, type } = await person();
  await signIn(page, console_);
  await page.goto("/servers");
  await tab((x) => x.id === "servers-search", "the search");
  await type("northwind");
  await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 1);
  assert.equal((await here(page)).id, "servers-search");
  const now = await tab((x) => x.text === "northwind-vbr01", "what was found");
  assert.ok(now.href);

  await page.goto("/companies/2");
  await page.waitForFunction(() => window.htmx);
  const link = await tab((x) => x.href?.includes("/why?"), "the first number");
  await page.evaluate(() => { document.querySelector("#live time").textContent = "old"; });
  const answer = await page.context().request.post("/servers/1/read", { form: {}, headers: { Origin: console_.base }, maxRedirects: 0 });
  assert.equal(answer.status(), 303);
  await page.waitForFunction(() => document.querySelector("#live time").textContent !== "old"); // it asked for itself again
  assert.equal((await here(page)).href?.replace(/at=[^&]*/, ""), link.href.replace(/at=[^&]*/, ""));
  await page.context().close();
});

test("nothing moves where less motion is wanted, and nothing is lost in a window of half the width", async () => {
  const page = await open(browser, console_, { reducedMotion: "reduce", viewport: { width: 640, height: 400 } });
  await signIn(page, console_);
  for (const at of ["/", "/companies/2", "/companies/2/trend", `/statements/${lastMonth}/2`, "/servers/new"]) {
    await page.goto(at);
    const lost = await page.evaluate(() => [...document.querySelectorAll("main :is(a, button, input, select, textarea)")].filter((x) => {
      if (x.type === "hidden" || !x.checkVisibility() || x.closest(".wide, dialog")) return false; // what is wide scrolls by itself
      const box = x.getBoundingClientRect();
      return box.right > innerWidth + 1 || box.left < 0;
    }).map((x) => x.outerHTML));
    assert.deepEqual(lost, [], at);
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0, at);
  }
  await page.context().close();
});
