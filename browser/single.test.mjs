// Single sign-on at a provider that others wrote (oidc-provider): an administrator, a company's user, whoever is not let in, and a provider
// that is down.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Provider from "oidc-provider";
import { addUser, binary, launch, open, run, signIn } from "./world.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const people = {
  "7f3a": { email: "Admin@example.com", email_verified: true },
  "91bc": { email: "anna@northwind.example", email_verified: true },
  "c0de": { email: "eve@example.com", email_verified: true },
  "d00d": { email: "admin@example.com", email_verified: true }, // somebody was given the administrator's address
  "ba11": { email: "berta@example.com", email_verified: false },
};

const listening = async (server) => { server.listen(0, "127.0.0.1"); await once(server, "listening"); return server.address().port; };

// freePort gives a port that nothing listens on.
async function freePort() {
  const server = createServer();
  const port = await listening(server);
  server.close();
  await once(server, "close");
  return port;
}

// identities starts the provider; whoever signs in there says who they are, and is believed.
async function identities(redirect) {
  let provider;
  const server = createServer((request, response) => answer(request, response).catch((e) => { response.statusCode = 500; response.end(String(e)); }));
  const issuer = `http://127.0.0.1:${await listening(server)}`;
  provider = new Provider(issuer, {
    clients: [{ client_id: "tallystick", client_secret: "s3cret&=", redirect_uris: [redirect] }],
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    features: { devInteractions: { enabled: false } }, // its pages load from elsewhere
    cookies: { keys: ["only for tests"] },
    pkce: { required: () => true },
    interactions: { url: (_, interaction) => `/who/${interaction.uid}` },
    findAccount: (_, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope("openid email");
      await grant.save();
      return grant;
    },
  });
  const callback = provider.callback();
  async function answer(request, response) {
    if (request.url === "/favicon.ico") { response.statusCode = 204; return response.end(); }
    if (!request.url.startsWith("/who/")) return callback(request, response);
    if (request.method !== "POST") {
      response.setHeader("Content-Type", "text/html; charset=utf-8");
      return response.end("<!DOCTYPE html><title>Who?</title><form method=post><label>Who? <input name=who id=who></label><button>That is me</button><button name=no value=1>No</button></form>");
    }
    let text = "";
    for await (const piece of request) text += piece;
    const form = new URLSearchParams(text);
    const result = form.get("no") ? { error: "access_denied", error_description: "nobody" } : { login: { accountId: form.get("who") } };
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  }
  return { issuer, async stop() { server.closeAllConnections(); server.close(); await once(server, "close"); } };
}

// serve starts a console of two companies that people sign in to at a provider.
async function serve(port, issuer) {
  const dir = await mkdtemp(join(tmpdir(), "tallystick-browser-"));
  const data = ["--data", join(dir, "data")];
  for (const name of ["Northwind", "Contoso"]) await run(["company", "add", ...data, "--name", name]);
  const who = { user: "local", password: "correct horse battery" };
  await run(["user", "add", ...data, "--name", who.user, "--role", "portal-administrator", "--password-stdin"], who.password + "\n");
  await run(["user", "add", ...data, "--name", "admin", "--role", "portal-administrator", "--single-sign-on-as", "admin@example.com"]);
  await writeFile(join(dir, "secret"), "s3cret&=\n");
  const base = `https://127.0.0.1:${port}`;
  const child = spawn(binary, ["serve", ...data, "--listen", `127.0.0.1:${port}`, "--public-url", base, "--oidc-issuer", issuer, "--oidc-client-id", "tallystick",
    "--oidc-client-secret-file", join(dir, "secret"), "--oidc-name", "Example ID"], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  await new Promise((ready, failed) => {
    const hear = (d) => { said += d; if (said.includes("Listening on")) ready(); };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("exit", (code) => failed(new Error(`serve ended with ${code}: ${said}`)));
  });
  child.removeAllListeners("exit");
  return { base, ...who, async stop() { const ended = once(child, "exit"); child.kill("SIGINT"); await ended; await rm(dir, { recursive: true }); } };
}

let console_, browser, there;
before(async () => {
  const port = await freePort();
  there = await identities(`https://127.0.0.1:${port}/sign-in/return`);
  console_ = await serve(port, there.issuer);
  browser = await launch();
});
after(async () => { await browser?.close(); await console_?.stop(); await there?.stop().catch(() => {}); });

const link = "text=Sign in with Example ID";

// elsewhere signs somebody in at the provider, from the page where the console asks for it.
async function elsewhere(page, who) {
  await page.click(link);
  await page.fill("#who", who);
  await page.click("text=That is me");
}

async function refused(who, words) {
  const page = await open(browser, console_);
  await page.goto("/companies");
  await elsewhere(page, who);
  assert.match(await page.textContent("[role=alert]"), words);
  assert.equal(await page.inputValue("input[name=to]"), "/companies");
  assert.equal((await page.context().cookies()).some((c) => c.name.startsWith("__Host-tallystick")), false);
  return page;
}

test("an administrator comes back to where they wanted to go, and is not asked again", async () => {
  const page = await open(browser, console_);
  const began = Date.now();
  await page.goto("/companies?search=north");
  await elsewhere(page, "7f3a");
  await page.waitForURL((u) => u.pathname + u.search === "/companies?search=north");
  console.log(`  signed in elsewhere: 2 clicks, ${((Date.now() - began) / 1000).toFixed(1)} s`);
  assert.equal(await page.textContent(".who a"), "admin");
  await page.goto("/account");
  assert.match(await page.textContent("main"), /by single sign-on as admin@example\.com/);
  assert.equal(await page.locator("input[type=password]").count(), 0);
  await page.click("text=Sign out >> nth=0");
  await page.waitForURL("**/sign-in");
  await page.focus(link);
  await page.keyboard.press("Enter"); // the provider knows them still
  await page.waitForURL(console_.base + "/");
  assert.deepEqual(page.errors, []);
  assert.deepEqual(page.elsewhere.filter((u) => !u.startsWith(there.issuer)), []);
  await page.context().close();
});

test("a company's user is opened to it in the portal, and sees that company and nothing else", async () => {
  const page = await open(browser, console_);
  await signIn(page, console_);
  await page.goto("/users/new");
  await addUser(page, { name: "anna", company: "2", single: "anna@northwind.example" });
  assert.match(await page.textContent("main"), /nobody has yet/);
  const at = new URL(page.url()).pathname;

  const anna = await open(browser, console_);
  await anna.goto("/");
  await elsewhere(anna, "91bc");
  await anna.waitForURL("**/companies/2");
  assert.equal(await anna.textContent("h1"), "Northwind");
  for (const [path, status] of [["/companies/3", 404], ["/companies/3/why", 404], ["/users", 403], ["/settings", 403], ["/audit", 403]]) {
    const answer = await anna.context().request.get(path);
    assert.equal(answer.status(), status, path);
    assert.ok(!(await answer.text()).includes("Contoso"), path);
  }
  await page.goto(at);
  assert.match(await page.textContent("main"), /bound since .*91bc/s);
  await page.click("#single-forget input");
  await page.click(`form[action="${at}/single"] button.main`);
  await page.waitForURL(/told=saved/);
  await anna.goto("/companies/2");
  assert.equal(new URL(anna.url()).pathname, "/sign-in"); // out at once
  await anna.context().close();
  await page.context().close();
});

test("whoever is not let in is told why", async () => {
  await (await refused("c0de", /nobody here signs in as "eve@example\.com"/)).context().close();
  await (await refused("ba11", /has not verified that the address berta@example\.com is yours/)).context().close();
  await (await refused("d00d", /"admin@example\.com" was somebody else when they signed in first/)).context().close();
  const page = await open(browser, console_);
  await page.goto("/companies");
  await page.click(link);
  await page.click("text=No");
  assert.match(await page.textContent("[role=alert]"), /did not allow you in/);
  await page.reload(); // the answer is used up
  assert.match(await page.textContent("[role=alert]"), /has not begun to sign in/);
  await page.context().close();
});

test("axe finds nothing, and nothing shifts or is too wide", async () => {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [320, 1280]) {
      const page = await open(browser, console_, { colorScheme, bypassCSP: true, viewport: { width, height: 800 } });
      await page.addInitScript(() => {
        window.shifts = 0;
        new PerformanceObserver((list) => { for (const e of list.getEntries()) window.shifts += e.value; }).observe({ type: "layout-shift", buffered: true });
      });
      const look = async (path) => {
        await page.goto(path);
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
        assert.equal(await page.evaluate(() => window.shifts), 0, `${path} shifts at ${width}`);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} is wider than ${width}`);
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => axe.run());
        assert.deepEqual(violations.map((v) => `${path} ${v.id}: ${v.help}: ${v.nodes[0].html}`), []);
        if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `${path.replaceAll(/\W+/g, "-")}-${colorScheme}-${width}.png`), fullPage: true });
      };
      await look("/sign-in");
      await look("/sign-in/return?state=x");
      await signIn(page, console_);
      for (const path of ["/users/2", "/users/1", "/users/new", "/account"]) await look(path);
      await page.context().close();
    }
  }
});

test("a provider that is down is said in words, and a password still works", async () => {
  const page = await open(browser, console_);
  await page.goto("/companies");
  await there.stop();
  for (let i = 0; i < 2; i++) {
    await page.click(link);
    assert.match(await page.textContent("[role=alert]"), /Example ID cannot be reached at the moment/);
    assert.equal(await page.inputValue("input[name=to]"), "/companies");
  }
  await page.fill("#name", console_.user);
  await page.fill("#password", console_.password);
  await page.click("button.main");
  await page.waitForURL("**/companies");
  await page.context().close();
});
