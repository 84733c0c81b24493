// Takes a picture of every page, light and dark, of some as narrow as a phone and as on paper: all into bin/screenshots, and those that the documents use into
// docs/screenshots. The demo has a fixed seed and a fixed present, so that a picture changes where the page does.
import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { demo, launch, open } from "./world.mjs";
import { every, fill } from "./every.mjs";

const now = "2026-11-18T09:30:00Z", month = "2026-10";
const root = new URL("..", import.meta.url).pathname;
const all = `${root}bin/screenshots`, kept = `${root}docs/screenshots`;
const most = 1600; // pixels from top to bottom

// enter signs in and keeps the cookie whenever it ends: the demo's present is another one than the browser's.
async function enter(page, who) {
  const answer = await page.context().request.post("/sign-in", { form: { name: who.user, password: who.password, to: "/" }, headers: { Origin: who.base }, maxRedirects: 0 });
  const [, name, value] = /^([^=]+)=([^;]*)/.exec(answer.headers()["set-cookie"]);
  await page.context().addCookies([{ name, value, url: who.base, secure: true, httpOnly: true, sameSite: "Lax" }]);
}

// shoot makes the window as high as the page, up to a bound: what stays in the window while it scrolls is as high, too.
async function shoot(page, name, width) {
  await page.setViewportSize({ width, height: 800 });
  const high = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width, height: Math.min(most, high) });
  await page.screenshot({ path: `${all}/${name}.png`, animations: "disabled" });
}

await rm(all, { recursive: true, force: true });
await mkdir(all, { recursive: true });
await mkdir(kept, { recursive: true });
const console_ = await demo("--seed", "7", "--now", now, "--months", "4");
const browser = await launch();
const only = process.argv.slice(2);
let taken = 0;
try {
  const clerk = await open(browser, console_);
  await enter(clerk, console_);
  await fill(clerk, month);
  await clerk.context().close();
  const pages = every(month).filter((p) => !only.length || only.includes(p.name));
  for (const [theme, width, colorScheme] of [["light", 1280, "light"], ["dark", 1280, "dark"], ["phone", 390, "light"], ["phone-dark", 390, "dark"]]) {
    const page = await open(browser, console_, { colorScheme, locale: "en-CA", viewport: { width, height: 800 } });
    let entered = false;
    for (const p of pages) {
      if (width < 800 && !p.phone) continue;
      if (!p.out && !entered) { await enter(page, console_); entered = true; }
      await page.goto(p.at, { waitUntil: "load" });
      await shoot(page, `${p.name}-${theme}`, width);
      if ((p.docs ?? []).includes(theme)) await copyFile(`${all}/${p.name}-${theme}.png`, `${kept}/${p.name}-${theme}.png`);
      if (p.print && theme === "light") await writeFile(`${all}/${p.name}.pdf`, await page.pdf({ format: "A4", printBackground: true }));
      taken++;
    }
    await page.context().close();
  }
} finally {
  await browser.close();
  await console_.stop();
}
console.log(`${taken} pictures are in bin/screenshots, those of the documents in docs/screenshots.`);
