// The pictures of the README: the page with a made-up fleet, light and dark. node readme.mjs URL, as tests/page/README.md starts it.
// Then, small enough to be kept: pngquant --force --speed 1 --strip 48 --output FILE FILE
import { launch, open, url } from "./browser.mjs";

const browser = await launch();
for (const scheme of ["light", "dark"]) {
  const { context, page } = await open(browser, { width: 1200, height: 620, scheme });
  await page.goto(`${url}/`);
  await page.screenshot({ path: new URL(`../../docs/images/fleet-${scheme}.png`, import.meta.url).pathname });
  await context.close();
}
await browser.close();
