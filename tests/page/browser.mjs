// One browser for all checks: Debian's Chromium, with nothing of it that asks for anything elsewhere.
import { chromium } from "playwright-core";

export const url = (process.argv[2] ?? process.env.PAGE_URL ?? "http://127.0.0.1:8085").replace(/\/$/, "");

export const WIDTHS = [320, 360, 414, 768, 1024, 1280, 1600];
export const SCHEMES = ["light", "dark"];

/** The views, by the path under the address. */
export const VIEWS = {
  fleet: "/",
  filtered: "/?state=needs-you&namespace=shop&q=web",
  nothing: "/?q=there-is-no-such-thing",
  workload: "/workloads/shop/deploy/web",
  explained: "/workloads/shop/deploy/web?explain=shop-web",
  two: "/workloads/shop/deploy/api?explain=api",
  failed: "/workloads/shop/deploy/worker",
  putOff: "/workloads/data/sts/kafka",
  approvals: "/approvals",
  sources: "/sources",
  deliveries: "/deliveries",
  missing: "/workloads/shop/deploy/none",
};

export async function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
}

/** A page that counts what it must not do: break its policy, ask elsewhere, write errors. */
export async function open(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: options.width ?? 1280, height: options.height ?? 900 },
    colorScheme: options.scheme ?? "light", locale: options.locale ?? "en-GB", reducedMotion: "reduce",
    javaScriptEnabled: options.script ?? true });
  const page = await context.newPage();
  // The style of the work tree, for whoever is changing it.
  if (process.env.PAGE_STYLE) await page.route("**/assets/style-*.css", (route) => route.fulfill({ path: process.env.PAGE_STYLE, contentType: "text/css" }));
  const wrong = [];
  page.on("console", (message) => {
    const text = message.text();
    // The stream of events is the API's, which a made-up fleet has not.
    if (message.type() === "error" && !/api\/v1\/events|404 \(Not Found\)|EventSource/.test(text)) wrong.push(`console: ${text}`);
  });
  page.on("pageerror", (error) => wrong.push(`script: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(new URL(url).origin) && !request.url().startsWith("data:")) wrong.push(`asks elsewhere: ${request.url()}`);
  });
  await page.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => globalThis.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  return { context, page, wrong };
}
