// A console with simulated servers and a browser, for the tests beside this file.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const binary = new URL("../bin/tallystick", import.meta.url).pathname;
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

// server starts one more simulated backup server, and gives how it is reached.
export async function server(name) {
  const dir = await mkdtemp(join(tmpdir(), "tallystick-browser-"));
  const scenario = join(dir, "one.toml");
  await writeFile(scenario, `seed = 11\n\n[[server]]\nname = "${name}"\nwire = "13.0"\npassword = "secret"\n\n[server.license]\ntype = "Rental"\nedition = "EnterprisePlus"\nlicensed = 100\n\n[[server.workload]]\nname = "web%02d"\ncount = 34\nkind = "vsphere-vm"\nfirst = "-90d"\n`);
  const child = spawn(binary, ["sim", "--listen", "127.0.0.1:0", "--scenario", scenario], { stdio: ["ignore", "pipe", "pipe"] });
  let out = "", errors = "";
  child.stdout.on("data", (d) => { out += d; });
  await new Promise((ready, failed) => {
    child.stderr.on("data", (d) => { errors += d; if (errors.includes("Ctrl-C")) ready(); });
    child.on("exit", (code) => failed(new Error(`sim ended with ${code}: ${out}${errors}`)));
  });
  child.removeAllListeners("exit");
  return {
    address: /https:\/\/([0-9.:]+)/.exec(out)[1], username: "Administrator", password: "secret", fingerprint: /[0-9a-f]{64}/.exec(out)[0],
    async stop() { const ended = once(child, "exit"); child.kill("SIGINT"); await ended; await rm(dir, { recursive: true }); },
  };
}

export const run = async (args, input = "") => {
  const child = spawn(binary, args, { stdio: ["pipe", "pipe", "inherit"] });
  child.stdout.resume();
  child.stdin.end(input);
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}`);
};

// serve starts a console on data that is there, and waits until it says where it is.
async function serve(data, listen = "127.0.0.1:0") {
  const child = spawn(binary, ["serve", ...data, "--listen", listen], { stdio: ["ignore", "pipe", "pipe"] });
  const base = await new Promise((ready, failed) => {
    const hear = (d) => { const at = /https:\/\/[0-9.:]+/.exec(String(d)); if (at) ready(at[0]); };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("exit", (code) => failed(new Error(`serve ended with ${code}`)));
  });
  child.removeAllListeners("exit");
  return { base, async stop() { const ended = once(child, "exit"); child.kill("SIGINT"); await ended; } };
}

const administrator = { user: "admin", password: "correct horse battery" };
const addAdministrator = (data) => run(["user", "add", ...data, "--name", administrator.user, "--role", "portal-administrator", "--password-stdin"], administrator.password + "\n");

// addUser adds a company's administrator on the page of the form, and gives the company's name. go is the page, or a journey of it, which counts.
export async function addUser(go, { name, company, password, single }) {
  const page = go.page ?? go;
  const choose = (at, value) => (go.choose ? go.choose(at, value) : page.selectOption(at, value));
  await go.fill("#user-name", name);
  await choose("#user-role", "company-administrator");
  await choose("#user-company", company);
  const chosen = await page.textContent("#user-company option:checked");
  if (single) await go.fill("#user-singleSignOn", single);
  if (password) for (const at of ["#user-password", "#user-again"]) await go.fill(at, password);
  await go.click("main form.form button.main");
  await page.waitForURL(/\/users\/\d+\?told=user-added/);
  return chosen;
}

// restartable serves one company; down stops it, up starts it again on the same port and data; command runs a command beside it, and pour
// one that takes in a reading.
export async function restartable() {
  const dir = await mkdtemp(join(tmpdir(), "tallystick-browser-"));
  const data = ["--data", join(dir, "data")];
  await run(["company", "add", ...data, "--name", "Northwind"]);
  await addAdministrator(data);
  let now = await serve(data);
  const { base } = now;
  return {
    base, ...administrator,
    command: (...args) => run([...args, ...data], "secret\n"),
    pour: (reading) => run(["import", ...data, "-"], JSON.stringify(reading) + "\n"),
    down: () => now.stop(),
    async up() { now = await serve(data, base.replace("https://", "")); },
    async stop() { await now.stop(); await rm(dir, { recursive: true }); },
  };
}

// fleet serves as many companies as are asked for, with a server each that was read an hour ago.
export async function fleet(companies) {
  const dir = await mkdtemp(join(tmpdir(), "tallystick-browser-"));
  const data = ["--data", join(dir, "data")];
  const uid = (i) => `c0de0000-0000-4000-8000-${String(i).padStart(12, "0")}`;
  const name = (i) => `Company ${String(i).padStart(5, "0")}`;
  const takenAt = new Date(Date.now() - 3600e3).toISOString();
  const lines = (make) => Array.from({ length: companies }, (_, i) => make(i)).join("\n") + "\n";
  const file = async (called, text) => { const path = join(dir, called); await writeFile(path, text); return path; };
  await run(["company", "import", ...data, await file("companies.csv", "name\n" + lines(name))]);
  await run(["server", "import", ...data, await file("servers.csv", "name,company,installationId\n" + lines((i) => `server${i},name:${name(i)},${uid(i)}`))]);
  await run(["import", ...data, await file("readings.ndjson", lines((i) => JSON.stringify({
    schema: "tallystick.snapshot/v1", takenAt, product: "vbr", server: { installationId: uid(i), name: `server${i}` }, license: { type: "Rental" },
    workloads: [0, 1, 2].map((n) => ({ id: `w${i}-${n}`, name: `web${n}`, type: "VBR_vSphere_VM", firstProtectedAt: "2026-01-01T00:00:00Z" })),
  })))]);
  await addAdministrator(data);
  const served = await serve(data);
  return { base: served.base, ...administrator, async stop() { await served.stop(); await rm(dir, { recursive: true }); } };
}

// lastMonth is the one before the demo's present, as 2026-10.
export const lastMonth = (() => {
  const day = new Date();
  day.setUTCDate(0);
  return day.toISOString().slice(0, 7);
})();

// monthBefore gives the one before a month.
export const monthBefore = (month) => new Date(Date.parse(`${month}-01`) - 86400e3).toISOString().slice(0, 7);
