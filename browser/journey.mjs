// What a person does, counted: clicks, fields that are filled in, and the seconds from the first step to the last. A program types quicker than people, so the
// seconds are what the console and the browser took.
import { appendFileSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";

// journey begins one. Its steps are those of the page, counted; end notes it for the table, which scripts/browser prints at the end.
export function journey(page, who, what) {
  const began = performance.now();
  let clicks = 0, fields = 0;
  const one = (target) => (typeof target === "string" ? page.locator(target).first() : target);
  return {
    page,
    async click(target) { clicks++; await one(target).click(); },
    async fill(target, text) { fields++; await one(target).fill(text); },
    async choose(target, value) { fields++; await one(target).selectOption(value); },
    button(name) { return this.click(`button:text-is("${name}")`); },
    async signIn(user) {
      await page.goto("/sign-in");
      await this.fill("#name", user.user);
      await this.fill("#password", user.password);
      await this.click("button.main");
      await page.waitForURL((u) => u.pathname !== "/sign-in");
    },
    // download saves what a link leads to, and gives the file.
    async download(target) {
      const coming = page.waitForEvent("download");
      await this.click(target);
      return coming;
    },
    end(more = "") {
      const row = { who, what: what + more, clicks, fields, seconds: (performance.now() - began) / 1000 };
      if (process.env.JOURNEYS) appendFileSync(process.env.JOURNEYS, JSON.stringify(row) + "\n");
      else console.log(line(row));
      return row;
    },
  };
}

const line = (r) => `| ${r.who} | ${r.what} | ${r.clicks} | ${r.fields} | ${r.seconds.toFixed(1)} |`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const rows = readFileSync(process.argv[2], "utf8").split("\n").filter(Boolean).map((l) => JSON.parse(l));
  if (rows.length) console.log(["", `On ${cpus().length} × ${cpus()[0].model}:`, "", "| who | does | clicks | fields | seconds |", "|---|---|---|---|---|", ...rows.map(line)].join("\n"));
}
