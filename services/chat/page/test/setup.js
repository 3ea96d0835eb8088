// What the tests stand on: one chromium and one chat service for all of them, and for each
// a mock, a browser profile of its own, and checks of what must never happen.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { Mock } from "./mock.js";
import { findChromium, root } from "./programs.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const shots = process.env.SHOTS; // a directory for pictures of what the tests see

// How long a test waits for something: enough for a machine that does much else.
const patience = 45_000;

let browser;
let chat;

before(async () => {
  chat = await startChat();
  browser = await chromium.launch({ executablePath: findChromium(), args: ["--no-sandbox", "--disable-quic"] });
});

after(async () => {
  await browser?.close();
  chat?.end();
});

/** Starts the real program, which serves the page without a sidecar. */
async function startChat() {
  const program = join(root, "bin", "chat");
  assert.ok(existsSync(program), `no ${program}: make build SERVICES=chat`);
  const dir = mkdtempSync(join(tmpdir(), "daca-page-test-"));
  const child = spawn(program, [], {
    cwd: dir,
    env: { HOST: "127.0.0.1", PORT: "0", OPENAI_BASE_URL: "http://127.0.0.1:1/v1", OPENAI_MODEL: "offline" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const { msg, address } = JSON.parse(line);
    if (msg !== "serving") continue;
    child.stdout.resume();
    return { url: `http://${address}`, end: () => (child.kill("SIGKILL"), rmSync(dir, { recursive: true })) };
  }
  throw new Error("the chat service does not start");
}

/**
 * Defines a test of the page. It gets { mock, page, context, open, axe, shot, … }, and fails
 * if the console has errors or a request goes to another origin. With options.site, another
 * site is tested than a mock.
 */
export function pageTest(name, options, body) {
  if (typeof options === "function") [options, body] = [{}, options];
  test(name, { timeout: 4 * patience }, async () => {
    const mock = options.site ? await options.site() : await new Mock().start(chat.url);
    const context = await browser.newContext({
      viewport: { width: 1280, height: 800 }, reducedMotion: "reduce", timezoneId: "UTC", locale: "en-GB", ...options.context,
    });
    context.setDefaultTimeout(patience);
    const wrong = [];
    const expected = options.expectErrors ?? /$^/;
    watch(context, mock, wrong, expected);
    try {
      const tab = async (path = "") => {
        const page = await context.newPage();
        await page.goto(mock.url + path);
        return page;
      };
      if (options.user !== null) await context.addInitScript(signIn, options.user ?? "alice");
      const page = await tab(options.path);
      const visit = async (path, see) => {
        const fresh = await browser.newContext(); // without a cache
        const there = await fresh.newPage();
        await there.goto(`${mock.url}blank`); // the browser starts a process for a new tab
        await there.goto(mock.url + path);
        const seen = await see(there);
        await fresh.close();
        return seen;
      };
      await body({ mock, page, context, tab, visit, ...helpersFor(page) });
      assert.deepEqual(wrong, [], "what must not happen");
    } finally {
      await context.close();
      if (!options.site) await mock.stop();
    }
  });
}

/** Runs in each document of a test before the page does. */
function signIn(user) {
  if (location.protocol === "http:" && !localStorage.getItem("daca.user")) localStorage.setItem("daca.user", user);
}

function watch(context, mock, wrong, expected) {
  context.on("console", (message) => {
    if (message.type() === "error" && !expected.test(message.text())) wrong.push(`console: ${message.text()}`);
  });
  context.on("weberror", (error) => wrong.push(`error: ${error.error().stack}`));
  context.on("request", (request) => {
    if (!request.url().startsWith(mock.url) && !request.url().startsWith("data:")) wrong.push(`request: ${request.url()}`);
  });
  context.on("dialog", (dialog) => {
    wrong.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
}

export function helpersFor(page) {
  const message = page.getByRole("textbox", { name: "Message", exact: true });
  return {
    message,
    send: async (text) => {
      await message.fill(text);
      await message.press("Enter");
    },
    answers: page.getByRole("article", { name: "The agent" }),
    sees: (text, options = {}) => page.getByText(text, options).first().waitFor(),
    /** Checks the page with axe-core, and takes a picture. */
    look: async (name) => {
      if (shots) {
        mkdirSync(shots, { recursive: true });
        await page.screenshot({ path: join(shots, `${name}.png`) });
      }
      const found = await page.evaluate(`${axe}; axe.run({ resultTypes: ["violations"] })`);
      const told = found.violations.map((v) => `${v.id}: ${v.help}\n  ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join("\n  ")}`);
      assert.deepEqual(told, [], `violations in ${name}`);
    },
    shot: async (name) => shots && (mkdirSync(shots, { recursive: true }), page.screenshot({ path: join(shots, `${name}.png`) })),
  };
}

/** Waits until the check gives what is wanted. */
export async function eventually(check, want, what) {
  const deadline = Date.now() + patience;
  for (;;) {
    const got = await check();
    try {
      return assert.deepEqual(got, want, what);
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
