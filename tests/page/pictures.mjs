// Pictures of every view, to look at. node pictures.mjs URL [FOLDER] [VIEW…]
import { mkdirSync } from "node:fs";
import { SCHEMES, VIEWS, launch, open, url } from "./browser.mjs";

const folder = process.argv[3] ?? "pictures";
const wanted = process.argv.slice(4);
mkdirSync(folder, { recursive: true });
const browser = await launch();
for (const [name, path] of Object.entries(VIEWS)) {
  if (wanted.length && !wanted.includes(name)) continue;
  for (const [width, scheme, locale] of [[1440, "light", "en-GB"], [1440, "dark", "en-GB"], [900, "light", "en-GB"], [360, "light", "en-GB"], [1280, "light", "fr-FR"]]) {
    const { context, page } = await open(browser, { width, scheme, locale });
    await page.goto(url + path);
    await page.screenshot({ path: `${folder}/${name}-${width}-${scheme}-${locale.slice(0, 2)}.png`, fullPage: true });
    await context.close();
  }
}
await browser.close();
console.log(`${SCHEMES.length} schemes, in ${folder}`);
