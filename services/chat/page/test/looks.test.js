import assert from "node:assert/strict";
import { eventually, pageTest } from "./setup.js";

async function talk({ send, answers, page }) {
  await send("What time is it?");
  await answers.getByText("It is 15:04:05 UTC").waitFor();
  await page.getByRole("button", { name: "Copy the answer" }).waitFor();
}

pageTest("dark, as the system asks", { context: { colorScheme: "dark" } }, async (t) => {
  await t.look("dark-empty");
  await talk(t);
  await t.answers.locator("summary").click();
  await t.look("dark");
  await t.send("fail 502 The key is wrong");
  await t.sees("502: The key is wrong");
  await t.look("dark-error");
});

pageTest("dark, as the user asks, after a reload too", async ({ page, look }) => {
  await page.locator(".pill.who").click();
  await page.getByRole("radio", { name: "Dark" }).check();
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await eventually(ground, "rgb(18, 20, 19)");
  await page.reload();
  await eventually(ground, "rgb(18, 20, 19)");
  await page.locator(".pill.who").click();
  await look("dark-who");
});

pageTest("360 px wide", { context: { viewport: { width: 360, height: 700 }, hasTouch: true, isMobile: true } }, async (t) => {
  const { page, look, mock } = t;
  mock.seed("alice", "s1", "An earlier conversation with a long title", [["Hi", "Hello."]]);
  await page.reload();
  await look("phone-empty");
  await talk(t);
  await look("phone");
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
  await page.getByRole("button", { name: "Conversations", exact: true }).click();
  await page.getByRole("link", { name: /An earlier conversation/ }).waitFor();
  await look("phone-conversations");
  await page.getByRole("link", { name: /An earlier conversation/ }).click();
  await t.answers.getByText("Hello.").waitFor();
  assert.equal(await page.getByRole("link", { name: /An earlier conversation/ }).isVisible(), false);
});

pageTest("1920 px wide", { context: { viewport: { width: 1920, height: 1080 } } }, async (t) => {
  await talk(t);
  await t.look("wide");
});

pageTest("keyboard only", async ({ page, mock, look, answers }) => {
  const keys = page.keyboard;
  await page.getByRole("textbox", { name: "Message", exact: true }).waitFor();
  await eventually(() => page.evaluate(() => document.activeElement?.id), "message");
  await keys.type("Hello");
  await keys.press("Shift+Enter");
  await keys.type("there");
  await keys.press("Enter");
  await answers.getByText("You said: “Hello there”.").waitFor();
  assert.equal([...mock.runs.values()][0].text, "Hello\nthere");
  await keys.press("ArrowUp");
  await eventually(() => page.evaluate(() => document.activeElement?.getAttribute("aria-label")), "Edit your message");
  await keys.press("Escape");
  await eventually(() => page.evaluate(() => document.activeElement?.id), "message");
  await keys.press("Control+Shift+O");
  await page.getByRole("heading", { name: /Welcome back|What would you/ }).waitFor();
  await keys.type("hold on");
  await keys.press("Enter");
  await answers.getByText("The answer begins,").waitFor();
  await keys.press("Escape");
  await page.getByText("You stopped this answer.").waitFor();
  await keys.press("Alt+ArrowDown");
  await answers.getByText("You said: “Hello there”.").waitFor();
  await page.evaluate(() => document.activeElement?.blur());
  await keys.press("?");
  await page.getByRole("dialog", { name: "Shortcuts" }).waitFor();
  await look("shortcuts");
  await keys.press("Escape");
  await page.getByRole("dialog", { name: "Shortcuts" }).waitFor({ state: "hidden" });
  await keys.press("/");
  await eventually(() => page.evaluate(() => document.activeElement?.id), "message");
});
