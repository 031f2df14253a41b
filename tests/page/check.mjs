// Every view in both colour schemes, from 320 to 1600 pixels: axe, the policy, requests elsewhere, sideways scroll, keyboard.
// node check.mjs URL
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { SCHEMES, VIEWS, WIDTHS, launch, open, url } from "./browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const found = [];
let looked = 0;
let failedChecks = 0;

const note = (where, what) => { failedChecks += 1; found.push(`${where}: ${what}`); };

const browser = await launch();

async function look(name, path, options) {
  const where = `${name} ${options.width} ${options.scheme} ${options.locale ?? "en"}`;
  const { context, page, wrong } = await open(browser, options);
  const answer = await page.goto(url + path);
  looked += 1;
  const headers = answer.headers();
  if (!headers["content-security-policy"]?.startsWith("default-src 'none'; script-src 'self'")) note(where, "no policy");
  if (headers["cache-control"] !== "no-store") note(where, "may be stored");
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (sideways > 0) note(where, `scrolls sideways by ${sideways} px`);
  const violations = await page.evaluate(() => globalThis.violations ?? []);
  for (const one of [...wrong, ...violations]) note(where, one);
  // axe is put in by the browser's own protocol, so that the page's policy stays as it is.
  await page.evaluate(axe);
  const result = await page.evaluate(async () => {
    const result = await globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
    return result.violations.map((one) => `${one.impact} ${one.id}: ${one.nodes.slice(0, 3).map((node) => node.target.join(" ") + " " + (node.any[0]?.message ?? "")).join(" | ")}`);
  });
  for (const one of result) note(where, `axe ${one}`);
  await context.close();
}

async function keyboard() {
  const { context, page } = await open(browser, { width: 1280, scheme: "light" });
  await page.goto(`${url}/`);
  await page.keyboard.press("Tab");
  const first = await page.evaluate(() => document.activeElement?.getAttribute("href"));
  if (first !== "#main") note("keyboard", `the first stop is ${first}, not the way to the content`);
  const seen = new Set();
  let invisible = 0;
  for (let step = 0; step < 400; step += 1) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      const style = getComputedStyle(element);
      const parent = getComputedStyle(element.parentElement);
      return { name: element.getAttribute("aria-label") ?? element.textContent.trim().slice(0, 40), tag: element.tagName,
        outlined: [style, parent].some((it) => it.outlineStyle !== "none" && parseFloat(it.outlineWidth) > 0) };
    });
    if (!stop) break;
    seen.add(`${stop.tag} ${stop.name}`);
    if (!stop.outlined) { invisible += 1; note("keyboard", `no outline at ${stop.tag} «${stop.name}»`); }
  }
  // A row is ticked, reviewed and approved by keyboard alone.
  for (const box of (await page.locator("tbody [type=checkbox]").all()).slice(0, 2)) {
    await box.focus();
    await page.keyboard.press("Space");
    if (!(await box.isChecked())) note("keyboard", "a row can't be ticked");
  }
  await page.locator(".bulk button.yes").focus();
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  if (!(await page.locator(".batch").count())) note("keyboard", "the ticked row is not shown for review");
  for (const one of await page.locator("tbody [type=checkbox]").all()) {
    if (!(await one.isChecked())) { await one.focus(); await page.keyboard.press("Space"); }
  }
  await page.locator(".bulk button.yes").focus();
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  if (!(await page.locator(".report tbody tr").count())) note("keyboard", "there is no report");
  for (const width of [360, 1100, 1440]) {
    await page.setViewportSize({ width, height: 800 });
    for (const part of [".to", ".why", ".go a"]) {
      for (const one of await page.locator(`.report tbody tr ${part}`).all()) {
        if (!(await one.isVisible())) note("keyboard", `at ${width} pixels the report does not show ${part}`);
      }
    }
  }
  await context.close();
  console.log(`keyboard: ${seen.size} stops, ${invisible} without outline`);
}

async function withoutScript() {
  const { context, page } = await open(browser, { width: 1280, scheme: "light", script: false });
  await page.goto(`${url}/`);
  if (await page.locator("#all-rows").isVisible()) note("without script", "a button that needs script is shown");
  if (await page.locator(".bulk").isVisible()) note("without script", "the bar is shown though nothing is ticked");
  await page.locator("tbody [type=checkbox]").first().check();
  if (!(await page.locator(".bulk").isVisible())) note("without script", "the bar is not shown though a row is ticked");
  await page.locator(".bulk button.yes").click();
  await page.locator(".batch tbody [type=checkbox]").first().check();
  await page.locator(".bulk button.yes").click();
  if (!(await page.locator(".report tbody tr").count())) note("without script", "there is no report");
  await page.goto(`${url}/`);
  await page.locator(".search input").fill("web");
  await page.locator(".filters > button").click();
  if (!page.url().includes("q=web")) note("without script", `the filter is not in the address: ${page.url()}`);
  await context.close();
}

async function withScript() {
  const { context, page } = await open(browser, { width: 1280, scheme: "light" });
  await page.goto(`${url}/`);
  await page.locator("tbody [type=checkbox]").first().check();
  await page.locator("#all-rows").click();
  const [all, on] = await page.evaluate(() => [document.querySelectorAll("tbody [type=checkbox]").length, document.querySelectorAll("tbody :checked").length]);
  if (all !== on || all < 2) note("select all", `${on} of ${all} are ticked`);
  await context.close();
}

for (const scheme of SCHEMES) {
  for (const width of WIDTHS) {
    for (const [name, path] of Object.entries(VIEWS)) await look(name, path, { width, scheme });
  }
}
for (const [name, path] of Object.entries(VIEWS)) {
  for (const width of [320, 1280]) await look(name, path, { width, scheme: "light", locale: "fr-FR" });
}
await keyboard();
await withoutScript();
await withScript();
await browser.close();
for (const one of [...new Set(found)]) console.log(one);
console.log(`${looked} pages looked at, ${failedChecks} findings`);
process.exitCode = failedChecks ? 1 : 0;
