// A customer's administrator, an auditor and an integrator: each gets what they come for, alone.
import { test, before as first, after } from "node:test";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { request } from "playwright-core";
import { journey } from "./journey.mjs";
import { binary, demo, lastMonth, launch, monthBefore, open, signIn } from "./world.mjs";

const run = promisify(execFile);
const root = new URL("..", import.meta.url).pathname;
const words = "a sentence of a few words";
let dir, data, console_, browser, admin, others;

// addUser adds a user in the portal, as its administrator.
async function addUser(name, role, company = "") {
  const answer = await admin.post("/users", { form: { name, role, company, password: words, again: words }, headers: { Origin: console_.base }, maxRedirects: 0 });
  assert.equal(answer.status(), 303, await answer.text());
  return { user: name, password: words };
}

first(async () => {
  dir = await mkdtemp(join(tmpdir(), "tallystick-people-"));
  data = join(dir, "data");
  console_ = await demo("--data", data);
  browser = await launch();
  const page = await open(browser, console_);
  await signIn(page, console_);
  admin = page.context().request;
  for (const month of [monthBefore(lastMonth), lastMonth]) { // final, for who looks at what was billed
    await page.goto(`/statements/${month}`);
    for (const button of ["Draft all", "Approve all without issues"]) {
      const ask = page.locator(`summary:text-is("${button} …")`); // where an earlier month is passed over
      if (await ask.count()) await ask.click();
      await page.click(`button:text-is("${button}")`);
      await page.waitForSelector("section.told");
    }
    for (const open_ of await page.locator("section li a").evaluateAll((links) => links.map((a) => a.href))) {
      await page.goto(open_);
      for (const field of await page.locator("form[action$='/approve'] input:not([type=hidden], [type=checkbox])").all()) await field.fill("The provider knows.");
      for (const box of await page.locator("[name=knowing]").all()) await box.check();
      await page.click("button:text-is('Approve')");
    }
    await page.goto(`/statements/${month}`);
    await page.click("summary:text-is('Make the month final …')");
    await page.click("button:text-is('Make the month final')");
    await page.waitForSelector("text=statements were made final.");
  }
  await page.goto("/companies");
  others = await page.locator("#rows th a").evaluateAll((links) => links.map((a) => ({ id: Number(a.pathname.split("/").pop()), name: a.textContent })));
  others = others.filter((c) => c.id > 2);
  assert.ok(others.length >= 3);
});
after(async () => { await browser?.close(); await console_?.stop(); await rm(dir, { recursive: true }); });

// billedOf reads what is billed of each type on the page of a statement.
const billedOf = (page) => page.locator("table.figures").first().locator("tbody tr").evaluateAll((rows) => rows.filter((r) => r.querySelector("td.n b")).map((r) => [(r.querySelector("th .id") ?? r.querySelector("th").firstChild).textContent.trim(), r.querySelector("td.n b").textContent]));

test("a customer's administrator sees the own figure and its machines, and no other company in any of many ways", async () => {
  const anna = await open(browser, console_);
  const go = journey(anna, "customer's administrator", "sees the own company's figure, the machines behind it, and last month's statement");
  await go.signIn(await addUser("anna", "company-administrator", 2));
  assert.equal(new URL(anna.url()).pathname, "/companies/2");
  const used = anna.locator("tr:has-text('VBR_vSphere_VM') a[data-why]").first();
  const figure = await used.textContent();
  await go.click(used);
  await anna.waitForSelector("dialog[open] td.id");
  assert.equal(String(await anna.locator("dialog[open] td.id").count()), figure); // one unit each
  await anna.keyboard.press("Escape");
  await go.click("nav[aria-label=Pages] >> text=Statements");
  await go.click("tbody th a >> nth=0");
  const pdf = await go.download('.files a:text-is("PDF")');
  assert.equal((await readFile(await pdf.path())).subarray(0, 4).toString("latin1"), "%PDF");
  go.end();

  await anna.goto("/tokens/new");
  await anna.fill("#token-name", "mine");
  await anna.check("input[name=scopes][value=read]");
  await anna.click("main form button.main");
  const api = await request.newContext({ baseURL: console_.base, ignoreHTTPSErrors: true, extraHTTPHeaders: { Authorization: `Bearer ${await anna.inputValue("#secret")}` } });
  const portal = anna.context().request;
  const other = others[0], absent = 99999;
  const find = async (path) => JSON.stringify(await (await portal.get(path)).text());
  const get = (status, path, by = portal) => ({ status, path, by, options: { maxRedirects: 0 } });
  const post = (status, path, form) => ({ status, path, by: portal, options: { method: "POST", maxRedirects: 0, form, headers: { Origin: console_.base, Accept: "text/html" } } });
  const why = "resource=backupServer&type=VBR_vSphere_VM&unit=Instances&state=used";
  const soon = new Date(Date.now() + 30 * 86400e3).toISOString().slice(0, 10);
  const ways = {
    "by address": (id) => ["", "/servers", "/trend", "/changes", "/statements", `/why?${why}`, "/edit", "?day=2026-01-01"].map((rest) => get(404, `/companies/${id}${rest}`)),
    "by the address of a statement": (id) => [get(404, `/statements/${lastMonth}/${id}`), get(404, `/statements/${lastMonth}/${id}?number=1`), get(404, `/statements/${lastMonth}/${id}/workloads`), get(403, `/statements/${lastMonth}`)],
    "by a file": (id) => [...["pdf", "xlsx", "csv", "json", "focus"].map((f) => get(404, `/statements/${lastMonth}/${id}/report?format=${f}`)), get(404, `/statements/${lastMonth}/${id}/bundle`), get(403, `/statements/${lastMonth}/report?format=csv`)],
    "by a form": (id) => [post(404, `/companies/${id}/edit`, { name: "mine" }), post(404, `/companies/${id}/remove`, {}), post(404, `/statements/${lastMonth}/${id}/supersede`, { reason: "mine", revision: "1.3" }), post(404, `/statements/${lastMonth}/${id}/adjust`, { count: 1, reason: "mine" })],
    "by a token for it": (id) => [post(422, "/tokens", { name: "t", scopes: "read", company: id, expiresAt: soon })],
    "by a user in it": (id) => [post(403, "/users", { name: "eve", role: "company-administrator", company: id, password: words, again: words })],
    "by a filter": (id) => [get(200, `/servers?company=${id}`), get(200, `/alarms?company=${id}&status=all`), get(403, `/audit?company=${id}`)],
    "by our own API": (id) => ["", "/usage", "/servers", "/statements", `/statements/${lastMonth}`, `/statements/${lastMonth}/report?format=csv`, "/workloads", "/alarms"].map((rest) => get(404, `/api/v1/companies/${id}${rest}`, api)),
    "by API version 2": (id) => [get(403, `/v2/tenants/${id}/licensing/backupServerUsage`, api), get(403, "/v2/tenants", api), post(422, "/tokens", { name: "t", scopes: "use-v2", expiresAt: soon })],
  };
  let tried = 0;
  const answers = {};
  for (const id of [other.id, absent]) {
    for (const [way, steps] of Object.entries(ways)) {
      for (const { status, path, by, options } of steps(id)) {
        const answer = await by.fetch(path, options);
        const text = await answer.text();
        assert.equal(answer.status(), status, `${way}: ${path}: ${text}`);
        for (const c of others) assert.ok(!text.includes(c.name), `${way}: ${path} names ${c.name}`);
        const unnamed = (of) => of.replace(new RegExp(`\\b${id}\\b`, "g"), "ID"), key = `${options.method} ${unnamed(path)}`;
        const plain = unnamed(text).replace(/"(requestId|instance)":"[^"]*"/g, "");
        if (id === absent && status === 404) assert.equal(plain, answers[key], `${way}: ${path} tells a company that is there from one that is not`);
        answers[key] = plain;
        tried++;
      }
    }
  }
  // By its name and its machines: what is found says nothing either.
  for (const c of others) {
    for (const path of ["/servers", "/users", "/companies"]) assert.ok(!(await find(`${path}?search=${encodeURIComponent(c.name)}`)).replace(/value=\\?"[^"]*"/g, "").includes(`/companies/${c.id}`));
    tried += 3;
  }
  const listed = await (await api.get("/api/v1/companies")).json();
  assert.deepEqual(listed.items.map((c) => c.id), [2]);
  // By what is told of changes: another company's server is read, and she hears nothing of it; of her own she does.
  const listen = (page) => page.evaluate(() => { window.heard = 0; const s = new EventSource("/live"); s.addEventListener("changed", () => { window.heard++; }); return new Promise((on) => s.addEventListener("open", on)); });
  const clerk = await open(browser, console_);
  await signIn(clerk, console_);
  await clerk.goto("/account");
  await anna.goto("/account");
  await Promise.all([listen(clerk), listen(anna)]);
  const serverOf = async (id) => /href="(\/servers\/\d+)"/.exec(await (await admin.get(`/companies/${id}/servers`)).text())[1];
  const read = async (server) => assert.equal((await admin.post(`${server}/read`, { form: {}, headers: { Origin: console_.base }, maxRedirects: 0 })).status(), 303);
  await read(await serverOf(other.id));
  await clerk.waitForFunction(() => window.heard > 0);
  assert.equal(await anna.evaluate(() => window.heard), 0);
  await read(await serverOf(2));
  await anna.waitForFunction(() => window.heard === 1);
  tried++;
  console.log(`  ${tried} tries to see another company, in ${Object.keys(ways).length + 3} ways, show nothing of it`);
  await api.dispose();
  for (const page of [anna, clerk]) await page.context().close();
});

test("an auditor checks a statement of the past, without the program, and the number is the portal's", async () => {
  const page = await open(browser, console_, { acceptDownloads: true });
  const who = await addUser("auditor", "portal-readonly");
  const go = journey(page, "auditor", "downloads two months' bundles, checks the later one by openssl, sha256sum and the program, and compares the number");
  await go.signIn(who);
  const paper = await mkdtemp(join(dir, "auditor-"));
  let billed;
  for (const month of [monthBefore(lastMonth), lastMonth]) {
    await go.click("nav[aria-label=Pages] >> text=Statements");
    await go.click(`tbody a[href="/statements/${month}"]`);
    await go.click('tbody a:text-is("Northwind")');
    billed = await billedOf(page);
    await (await go.download('.files a:text-is("Signed bundle")')).saveAs(join(paper, `tallystick-2-${month}-1.zip`));
  }
  const { stdout: key } = await run(binary, ["statement", "key", "show", "--data", data]); // he has it by telephone
  const fingerprint = /[0-9a-f]{64}/.exec(key)[0];
  // docs/auditor.md, step by step, with the names of these files.
  const steps = [...(await readFile(join(root, "docs/auditor.md"), "utf8")).matchAll(/```sh auditor\n([\s\S]*?)```/g)].map((m) => m[1]);
  assert.equal(steps.length, 4);
  const said = [];
  for (const step of steps) {
    const text = step.replaceAll("2026-10-1.zip", `${lastMonth}-1.zip`).replaceAll("2026-09-1.zip", `${monthBefore(lastMonth)}-1.zip`);
    said.push((await run("bash", ["-euc", text], { cwd: paper })).stdout);
  }
  assert.equal(said[1].split(/\s/)[0], fingerprint);
  assert.match(said[1], /Signature Verified Successfully/);
  assert.doesNotMatch(said[2], /FAILED/);
  const [, before] = /([0-9a-f]{64})\s+tallystick-/.exec(said[3]);
  assert.ok(said[3].includes(`"${before}"`), "the bundle does not name the one of the month before");
  const verified = await run(binary, ["verify", `tallystick-2-${lastMonth}-1.zip`, "--key", fingerprint], { cwd: paper, env: { PATH: process.env.PATH, HOME: paper } });
  assert.match(verified.stdout, /recount/);
  const [head, ...rows] = (await readFile(join(paper, "bundle/statement.csv"), "utf8")).trim().split("\n").map((l) => l.split(","));
  const column = (name) => head.findIndex((h) => h.toLowerCase() === name.toLowerCase());
  assert.ok(column("type") >= 0 && column("billedUnits") >= 0, head.join());
  assert.deepEqual(billed.filter(([, n]) => n !== "0"), rows.map((r) => [r[column("type")], r[column("billedUnits")]]).filter(([, n]) => n !== "0"));
  go.end();
  await page.context().close();
});

test("an integrator runs the lines of README as they are, and gets the portal's numbers", async () => {
  const page = await open(browser, console_);
  const go = journey(page, "integrator", "makes a token in the portal, runs README's lines for API version 2, and gets the portal's numbers");
  await go.signIn(console_);
  await go.click("nav >> text=API tokens");
  await go.click("text=Make a token");
  await go.fill("#token-name", "billing script");
  await go.click("input[name=scopes][value=read-v2]");
  await go.click("main form button.main");
  const token = await page.inputValue("#secret");
  await go.click("nav >> text=Companies");
  await go.click('tbody a:text-is("Northwind")');
  const shown = await page.locator("section:has(h2:has-text('Backup servers')) table").first().locator("tbody tr").evaluateAll((rows) => rows.map((r) => [(r.querySelector("th .id") ?? r.querySelector("th")).textContent, ...[...r.querySelectorAll("td.n a")].map((a) => a.textContent)]));
  const readme = await readFile(join(root, "README.md"), "utf8");
  const lines = /```sh\n(TOKEN=\$\([\s\S]*?)```/.exec(readme)[1];
  const here = lines.replaceAll("https://127.0.0.1:1281", console_.base).replace("username=admin", `username=${console_.user}`).replace("a long pass phrase", console_.password);
  const byPassword = JSON.parse((await run("bash", ["-euo", "pipefail", "-c", here])).stdout);
  const byToken = JSON.parse((await run("bash", ["-euo", "pipefail", "-c", here.slice(here.lastIndexOf("\ncurl") + 1)], { env: { ...process.env, TOKEN: token } })).stdout);
  assert.deepEqual(byPassword, byToken);
  const now = (type) => ({ VBR_Windows_Server_Agent: "VBR_Server_Agent", VBR_Windows_Workstation_Agent: "VBR_Workstation_Agent" })[type] ?? type; // version 2 keeps the old names
  assert.deepEqual(byToken.map((r) => [now(r.type), r.usedInstances, r.newInstances, r.rentalInstances].map(String)), shown);
  go.end();
  await page.context().close();
});
