import assert from "node:assert/strict";
import { eventually, helpersFor, pageTest } from "./setup.js";

const whole = "The answer begins, and it ends.";

pageTest("a reload in the middle of an answer loses and doubles nothing", async ({ page, send, answers, mock, look }) => {
  await send("hold on");
  await answers.getByText("The answer begins,").waitFor();
  await page.reload();
  await answers.getByText("The answer begins,").waitFor();
  await look("resumed");
  mock.open("hold");
  await answers.getByText(whole).waitFor();
  await page.getByRole("button", { name: "Copy the answer" }).waitFor();
  await page.reload();
  await answers.getByText(whole).waitFor();
  assert.equal(await answers.count(), 1);
  assert.equal(mock.counts.get("alice"), 1);
  assert.equal(mock.runs.size, 1);
});

pageTest("a reload before the server has said anything sends the same message", { expectErrors: /ERR_/ }, async ({ page, send, answers, mock }) => {
  let asked = 0;
  await page.route("**/chat/stream", (route) => (asked++ ? route.continue() : undefined)); // the first one hangs
  await send("Hello");
  await eventually(() => answers.count(), 1);
  await page.reload();
  await answers.getByText("You said: “Hello”.").waitFor();
  assert.equal(mock.runs.size, 1);
  assert.equal(await page.getByRole("article", { name: "You" }).count(), 1);
});

pageTest("a lost connection is picked up where it was cut", { expectErrors: /ERR_/ }, async ({ page, send, answers, mock, sees, look }) => {
  await send("hold on");
  await answers.getByText("The answer begins,").waitFor();
  await mock.down();
  await sees("The connection is lost.");
  await look("connection-lost");
  await mock.up();
  mock.open("hold");
  await answers.getByText(whole).waitFor();
  const again = mock.requests.findLast((r) => r.path.endsWith("/events"));
  assert.match(again.headers["last-event-id"], /^1\.\d+\.0$/);
  assert.equal(await answers.count(), 1);
});

pageTest("a run that ended meanwhile is there after a reload", async ({ page, send, answers, mock }) => {
  await send("hold on");
  await answers.getByText("The answer begins,").waitFor();
  const url = page.url();
  await page.goto("about:blank");
  mock.open("hold");
  await eventually(() => [...mock.runs.values()][0].status, "answered");
  await page.goto(url);
  await answers.getByText(whole).waitFor();
  assert.equal(await answers.count(), 1);
});

pageTest("two tabs of one conversation show the same", async ({ page, send, answers, mock, tab }) => {
  await send("Hello");
  await answers.getByText("You said: “Hello”.").waitFor();
  const other = await tab(new URL(page.url()).hash);
  const there = helpersFor(other);
  await there.answers.getByText("You said: “Hello”.").waitFor();
  await send("hold on");
  await there.answers.getByText("The answer begins,").waitFor();
  await other.getByRole("button", { name: "Stop" }).waitFor();
  mock.open("hold");
  await there.answers.getByText(whole).waitFor();
  await answers.getByText(whole).waitFor();
  assert.equal(await there.answers.count(), 2);
  assert.equal(mock.counts.get("alice"), 2);
});
