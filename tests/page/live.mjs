// The page of a real service, live: a row changes without a reload, what has the focus keeps it, what is ticked is not lost, and who
// hears nothing for a minute is told so. Whoever started the service changes it: a line on standard input means that it is done.
// node live.mjs URL, with PAGE_USER for who stands before a proxy
import { createInterface } from "node:readline";
import { launch, open, url } from "./browser.mjs";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (word) => process.stdout.write(`${word}\n`);
const check = (is, what) => { if (!is) throw new Error(what); };

const browser = await launch();
const { context, page, wrong } = await open(browser, { width: 1280, scheme: "light" });
await context.setExtraHTTPHeaders({ "X-Forwarded-User": process.env.PAGE_USER ?? "anna", "X-Forwarded-Groups": "sre" });
try {
  await page.clock.install();
  const heard = page.waitForResponse((answer) => answer.url().endsWith("/api/v1/events") && answer.status() === 200);
  await page.goto(`${url}/`);
  await heard;
  await page.evaluate(() => { globalThis.stayed = true; });
  const state = () => page.locator("tbody tr").first().getAttribute("class");
  check((await state()) === "current", `it begins up to date, not ${await state()}`);
  await page.locator("thead").waitFor();
  const link = page.locator("tbody th a").first();
  await link.focus();
  say("push");
  check((await lines.next()).value === "pushed", "whoever started this says when something was pushed");
  // The page waits a moment for more to come, by its own clock.
  const changed = page.locator("tbody tr.needs").first();
  for (let second = 0; second < 60 && !(await changed.count()); second += 1) {
    await page.clock.runFor(1_000);
    await new Promise((go) => setTimeout(go, 250));
  }
  check(await changed.count(), "the row did not change");
  check(await page.evaluate(() => globalThis.stayed === true), "it was loaded anew");
  check(await page.evaluate(() => document.activeElement?.closest("tbody") !== null), "the focus is lost");
  await changed.locator("[type=checkbox]").check();
  say("stop");
  check((await lines.next()).value === "stopped", "whoever started this says when it is stopped");
  for (let second = 0; second < 70; second += 5) await page.clock.runFor(5_000);
  check(await page.locator("#live.old").count(), "it does not say that it hears nothing");
  check(await changed.locator("[type=checkbox]").isChecked(), "what was ticked is lost");
  const violations = await page.evaluate(() => globalThis.violations);
  const serious = wrong.filter((one) => !/ERR_INTERNET_DISCONNECTED|ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|Failed to fetch/.test(one));
  check(!violations.length && !serious.length, `violations: ${[...violations, ...serious].join("; ")}`);
  say("done");
} catch (error) {
  say(`failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser.close();
  process.exit();
}
