// Makes the pictures of the page in docs/, from the real suite: make screenshots.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { findChromium, root } from "./programs.js";
import { startSuite } from "./stack.js";

const docs = join(root, "docs");
const patience = 60_000;

const pictures = [
  { name: "page-light", colorScheme: "light", viewport: { width: 1440, height: 860 } },
  { name: "page-dark", colorScheme: "dark", viewport: { width: 1440, height: 860 } },
  { name: "page-phone", colorScheme: "light", viewport: { width: 390, height: 780 } },
];

const said = ["My name is Ada.", "What time is it?", "How many messages have I sent?"];

mkdirSync(docs, { recursive: true });
const suite = await startSuite({ MODEL_BEHAVIOUR: "delay=5ms" });
let browser;
try {
  browser = await chromium.launch({ executablePath: findChromium(), args: ["--no-sandbox", "--disable-quic"] });
  for (const picture of pictures) await take(picture);
} finally {
  await browser?.close();
  await suite.stop();
}

/** Talks to the agent as a user of its own, and takes the picture. */
async function take({ name, ...options }) {
  const context = await browser.newContext({ ...options, reducedMotion: "reduce", locale: "en-GB", timezoneId: "UTC" });
  context.setDefaultTimeout(patience);
  const user = { light: "ada", dark: "grace", phone: "alan" }[name.replace("page-", "")];
  await context.addInitScript((id) => localStorage.setItem("daca.user", id), user);
  const page = await context.newPage();
  await page.goto(suite.url);
  await page.getByRole("region", { name: "Begin" }).waitFor();
  for (const [n, text] of said.entries()) {
    await page.getByRole("textbox", { name: "Message", exact: true }).fill(text);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Copy the answer" }).nth(n).waitFor();
  }
  await page.getByRole("button", { name: new RegExp(`${said.length} messages counted`) }).waitFor();
  await page.getByRole("button", { name: "State of the services: All services ready" }).waitFor();
  if (options.viewport.width > 1080) await flowRests(page, user);
  await page.screenshot({ path: join(docs, `${name}.png`) });
  await context.close();
}

/** Waits until the flow shows all that was said, and nothing of it as new. */
async function flowRests(page, user) {
  const flow = page.getByRole("complementary", { name: "Flow" });
  await flow.getByRole("listitem").filter({ hasText: user }).getByText(String(said.length), { exact: true }).waitFor();
  await flow.locator(".fresh").first().waitFor({ state: "detached" });
}
