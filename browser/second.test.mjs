// A user turns a second factor on, signs in with the app's code and with one on paper, and turns it off.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { demo, launch, open, signIn } from "./world.mjs";

// code is what an authenticator app shows (RFC 6238), steps of 30 seconds from now.
function code(secret, steps = 0) {
  const bits = [...secret].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const hash = createHmac("sha1", key).update(counter).digest();
  return String((hash.readUInt32BE(hash[19] & 15) & 0x7fffffff) % 1e6).padStart(6, "0");
}

let console_, browser;
before(async () => { console_ = await demo(); browser = await launch(); });
after(async () => { await browser?.close(); await console_?.stop(); });

// halfway signs in with the password alone, and stands where the code is asked for.
async function halfway() {
  const page = await open(browser, console_);
  await page.goto("/sign-in?to=/companies");
  await page.fill("#name", console_.user);
  await page.fill("#password", console_.password);
  await page.click("button.main");
  await page.waitForSelector("#code");
  return page;
}

test("a second factor: on, asked for, on paper, off", async () => {
  const page = await open(browser, console_);
  await signIn(page, console_);
  await page.goto("/account");
  await page.click("text=Turn it on");
  const secret = await page.inputValue("#second-secret");
  const box = await page.locator("svg.qr").boundingBox();
  assert.ok(box.width > 180 && Math.abs(box.width - box.height) < 1, JSON.stringify(box));
  await page.fill("#factor-code", "000000");
  await page.fill("#factor-password", console_.password);
  await page.click("main form button.main");
  await page.waitForSelector("text=is not what the app shows now");
  assert.equal(await page.inputValue("#second-secret"), secret, "the app would have to be told again");
  await page.fill("#factor-code", code(secret, -1));
  await page.fill("#factor-password", console_.password);
  await page.click("main form button.main");
  const paper = await page.locator(".codes li").allInnerTexts();
  assert.equal(paper.length, 10);

  const app = await halfway();
  assert.equal(await app.evaluate(() => document.activeElement.id), "code");
  await app.keyboard.type("000000");
  await app.keyboard.press("Enter");
  await app.waitForSelector("text=The code is wrong");
  await app.keyboard.type(code(secret));
  await app.keyboard.press("Enter");
  await app.waitForURL("**/companies");
  const lost = await halfway();
  await lost.fill("#code", paper[0]);
  await lost.keyboard.press("Enter");
  await lost.waitForURL("**/companies");

  await page.goto("/account/second-factor");
  await page.waitForSelector("text=9 recovery codes are left");
  await page.fill("#factor-off-password", console_.password);
  await page.fill("#factor-off-code", paper[1]);
  await page.click("text=Turn the second factor off");
  await page.waitForSelector("text=The second factor is off");
  await signIn(await open(browser, console_), console_);
  for (const p of [page, app, lost]) assert.deepEqual(p.errors.filter((e) => !e.includes("422")), []);
});
