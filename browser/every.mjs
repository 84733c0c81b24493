// Every page of the portal, once: what is looked at by axe, at all widths, with a screen's and a printer's eyes. MONTH is the month before the demo's present.
// A test in internal/portal asks that each page's address is among them.

import { addUser } from "./world.mjs";

const why = "/companies/2/why?resource=backupServer&type=VBR_vSphere_VM&unit=Instances&state=used";

// Name, address, and what else is made of it: phone, a picture as narrow as one; print, one on paper; docs, the themes that are kept for the documents.
const list = [
  { name: "sign-in", at: "/sign-in", out: true, phone: true },
  { name: "overview", at: "/", phone: true, docs: ["light", "dark"] },
  { name: "companies", at: "/companies", phone: true },
  { name: "company-new", at: "/companies/new" },
  { name: "company", at: "/companies/2", phone: true, print: true, docs: ["phone"] },
  { name: "company-past", at: "/companies/2?day=2026-01-01" },
  { name: "company-edit", at: "/companies/2/edit" },
  { name: "company-servers", at: "/companies/2/servers" },
  { name: "company-statements", at: "/companies/2/statements" },
  { name: "why", at: why, phone: true, print: true },
  { name: "trend", at: "/companies/2/trend", phone: true, print: true, docs: ["light"] },
  { name: "trend-months", at: "/companies/2/trend?by=month" },
  { name: "changes", at: "/companies/2/changes" },
  { name: "statements", at: "/statements" },
  { name: "month", at: "/statements/MONTH", phone: true, print: true, docs: ["light"] },
  { name: "statement", at: "/statements/MONTH/2", phone: true, print: true, docs: ["light"] },
  { name: "statement-workloads", at: "/statements/MONTH/2/workloads", print: true },
  { name: "servers", at: "/servers", phone: true },
  { name: "servers-never", at: "/servers?state=never" },
  { name: "server", at: "/servers/1", phone: true, docs: ["light"] },
  { name: "server-edit", at: "/servers/1/edit" },
  { name: "server-new", at: "/servers/new", phone: true },
  { name: "server-pushed", at: "/servers/pushed" },
  { name: "credentials", at: "/credentials" },
  { name: "credential-new", at: "/credentials/new" },
  { name: "credential", at: "/credentials/1" },
  { name: "alarms", at: "/alarms?status=all", phone: true },
  { name: "alarm", at: "/alarms/1" },
  { name: "users", at: "/users" },
  { name: "user-new", at: "/users/new" },
  { name: "user", at: "/users/1" },
  { name: "tokens", at: "/tokens" },
  { name: "token-new", at: "/tokens/new" },
  { name: "settings", at: "/settings" },
  { name: "catalogue", at: "/catalogue" },
  { name: "catalogue-own", at: "/catalogue/own" },
  { name: "audit", at: "/audit" },
  { name: "audit-nobody", at: "/audit?who=nobody" },
  { name: "why-past", at: "/companies/2/why?unit=Instances&state=used&day=2026-01-01" },
  { name: "changes-since", at: "/companies/2/changes?from=2026-01-01" },
  { name: "company-other", at: "/companies/3" },
  { name: "workloads", at: "/workloads" },
  { name: "workloads-found", at: "/workloads?search=web", phone: true },
  { name: "workloads-none", at: "/workloads?search=nowhere" },
  { name: "workload-life-none", at: "/workloads/life?server=1&id=none" },
  { name: "account", at: "/account" },
  { name: "second-factor", at: "/account/second-factor" },
  { name: "nowhere", at: "/nowhere" },
];

// every gives the pages, with the month that the demo has statements of.
export const every = (month) => list.map((p) => ({ ...p, at: p.at.replace("MONTH", month) }));

// paths are the addresses of those that are seen signed in.
export const paths = (month) => every(month).filter((p) => !p.out).map((p) => p.at);

// fill makes the demo a console in use: a month is drafted, one of its statements final, one approved, one adjusted; a credential set; a user of a company; a token.
export async function fill(page, month) {
  const send = async (form) => { await page.click(`${form} button.main, ${form} button`); await page.waitForLoadState(); };
  await page.goto(`/statements/${month}`);
  await page.click("text=Draft all");
  await page.waitForSelector("text=statements were drafted.");
  for (const company of [3, 4]) {
    await page.goto(`/statements/${month}/${company}`);
    const reasons = page.locator("form[action$='/approve'] input:not([type=hidden], [type=checkbox])");
    for (const box of await page.locator("[name=knowing]").all()) await box.check(); // earlier months are passed over
    for (let i = 0; i < await reasons.count(); i++) await reasons.nth(i).fill("It was being moved; the figure is right.");
    await send("form[action$='/approve']");
    await page.waitForSelector("text=The statement is approved.");
  }
  await page.click("details.sure summary");
  await send("form[action$='/finalise']");
  await page.waitForSelector("text=The statement is final.");
  await page.goto(`/statements/${month}/2`);
  await page.fill("#adjust-count", "1");
  await page.fill("#adjust-reason", "A test machine, as agreed on the telephone");
  await page.click("form[action$='/adjust'] button");
  await page.waitForSelector("text=Less is billed now.");
  await page.goto("/credentials/new");
  await page.fill("#credential-name", "The account of all branches");
  await page.fill("#credential-username", "TALLY\\reader");
  await page.fill("#credential-password", "a sentence of a few words");
  await page.fill("#credential-host", "*.example.com\n192.0.2.0/24");
  await page.click("main form.form button.main");
  await page.waitForURL(/told=set-added/);
  await page.goto("/users/new");
  await addUser(page, { name: "anna", company: "2", password: "a sentence of a few words" });
  await page.goto("/tokens/new");
  await page.fill("#token-name", "billing export");
  await page.check("[name=scopes][value=read]");
  await page.click("main form.form button.main");
  await page.waitForSelector("#secret");
}
