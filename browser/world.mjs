// A console with simulated servers and a browser, for the tests beside this file.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chromium } from "playwright-core";

const binary = new URL("../bin/tallystick", import.meta.url).pathname;
const executablePath = process.env.CHROMIUM || "/usr/bin/chromium";

// demo starts `tallystick demo` and waits until it answers.
export async function demo(...flags) {
  const child = spawn(binary, ["demo", "--listen", "127.0.0.1:0", ...flags], { stdio: ["ignore", "pipe", "pipe"] });
  let out = "", errors = "";
  child.stderr.on("data", (d) => { errors += d; });
  await new Promise((ready, failed) => {
    child.stdout.on("data", (d) => { out += d; if (out.includes("Ctrl-C")) ready(); });
    child.on("exit", (code) => failed(new Error(`demo ended with ${code}: ${out}${errors}`)));
  });
  child.removeAllListeners("exit");
  return {
    base: /https:\/\/[0-9.:]+/.exec(out)[0],
    user: /user (\S+), password/.exec(out)[1],
    password: /password (\S+)/.exec(out)[1],
    async stop() { const ended = once(child, "exit"); child.kill("SIGINT"); await ended; },
  };
}

export const launch = () => chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"] });

// open gives a page that notes what it loads from elsewhere and what goes wrong in it.
export async function open(browser, console_, options = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, baseURL: console_.base, viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.elsewhere = [];
  page.errors = [];
  page.on("request", (r) => { if (!r.url().startsWith(console_.base + "/") && !r.url().startsWith("data:")) page.elsewhere.push(r.url()); });
  page.on("pageerror", (e) => page.errors.push(String(e)));
  page.on("console", (m) => { if (m.type() === "error") page.errors.push(m.text()); });
  return page;
}

export async function signIn(page, who) {
  await page.goto("/sign-in");
  await page.fill("#name", who.user);
  await page.fill("#password", who.password);
  await page.click("button.main");
  await page.waitForURL((u) => u.pathname !== "/sign-in");
}
