import assert from "node:assert/strict";
import { eventually, pageTest } from "./setup.js";

const expectErrors = /Failed to load resource|ERR_/;

for (const [status, detail, what] of [
  [502, "The model refused the request", "The model did not accept the request."],
  [503, "The model is busy", "The model or the service is busy."],
  [504, "The model did not answer in time", "The model did not answer in time."],
  [413, "The text is too long", "The message is too long for the model."],
]) {
  pageTest(`the model fails with ${status}`, async ({ page, send, sees, look, mock }) => {
    await send(`fail ${status} ${detail}`);
    await sees(what);
    await sees(`${status}: ${detail}`);
    await page.getByRole("status").filter({ hasText: "The message was not answered." }).waitFor();
    await look(`model-${status}`);
    assert.equal(mock.counts.get("alice"), undefined);
  });
}

pageTest("after a failure the same message is sent again", async ({ page, send, answers, mock }) => {
  let fails = true;
  mock.answers.unshift([/twice/, async (run) => (fails ? run.fail(502, "") : run.say("Now it works."))]);
  await send("Try it twice");
  await page.getByRole("button", { name: "Try again" }).waitFor();
  fails = false;
  await page.getByRole("button", { name: "Try again" }).click();
  await answers.getByText("Now it works.").waitFor();
  assert.equal(await answers.count(), 1);
  assert.equal(await page.getByRole("article", { name: "You" }).count(), 1);
});

pageTest("a failed regeneration can be undone", async ({ page, send, answers, mock }) => {
  await send("Hello");
  await page.getByRole("button", { name: "Regenerate" }).waitFor();
  mock.answers.unshift([/Hello/, async (run) => run.fail(504, "")]);
  await page.getByRole("button", { name: "Regenerate" }).click();
  await page.getByRole("button", { name: "Keep the earlier answer" }).click();
  await answers.getByText("You said: “Hello”.").waitFor();
});

pageTest("what reads markdown cannot be fetched: answers are shown as they are written", { expectErrors }, async ({ page, context, send, look, answers }) => {
  await context.route("**/page/blocks-*.js", (route) => route.abort());
  await page.reload();
  await send("What time is it?");
  await answers.getByText("It is **15:04:05 UTC**.").waitFor();
  await page.getByRole("button", { name: "Send" }).waitFor();
  await look("without-markdown");
  await context.unroute("**/page/blocks-*.js");
  await send("hold");
  await answers.getByText("The answer begins, ").waitFor();
  await answers.first().locator("strong", { hasText: "15:04:05 UTC" }).waitFor();
});

pageTest("chat is away: what was written is not lost", { expectErrors }, async ({ page, send, sees, mock, look, answers }) => {
  await send("Hello");
  await answers.getByText("You said: “Hello”.").waitFor();
  await mock.down();
  await send("Are you there?");
  await sees("The chat service cannot be reached.");
  await look("chat-away");
  await mock.up();
  await page.getByRole("button", { name: "Try again" }).click();
  await answers.getByText("You said: “Are you there?”.").waitFor();
  assert.equal(mock.counts.get("alice"), 2);
  const keys = mock.requests.filter((r) => r.method === "POST").map((r) => r.headers["idempotency-key"]);
  assert.equal(new Set(keys).size, 2);
});

pageTest("too many streams at once", { expectErrors }, async ({ send, sees, mock }) => {
  mock.broken.add("stream");
  await send("Hello");
  await sees("Try again in 2 s.");
});

pageTest("the state store is away: the chat goes on", { expectErrors }, async ({ page, send, sees, mock, look, answers }) => {
  mock.broken.add("sessions");
  mock.metadata = { history: "unavailable", kept: false };
  mock.readiness = { status: "degraded", checks: { ...mock.readiness.checks, statestore: "unreachable" } };
  await page.reload();
  await sees("The conversations cannot be read: the state store is away.");
  await send("Hello");
  await answers.getByText("You said: “Hello”.").waitFor();
  await sees("Answered without the earlier messages");
  await sees("This turn could not be stored.");
  await page.getByRole("button", { name: /State store fails/ }).click();
  await sees("unreachable");
  await look("store-away");
});

pageTest("a count that is not known is not shown as 0", { expectErrors }, async ({ page, mock }) => {
  mock.broken.add("count");
  await page.reload();
  await page.getByRole("button", { name: /You are alice, count not known/ }).waitFor();
});

pageTest("a conversation that cannot be opened says so", { expectErrors }, async ({ page, mock, sees, answers }) => {
  mock.seed("alice", "s1", "One", [["Hi", "Hello."]]);
  mock.broken.add("sessions");
  await page.goto(mock.url + "#/c/s1");
  await page.reload();
  await sees("The model or the service is busy.");
  mock.broken.delete("sessions");
  await page.getByRole("main").getByRole("button", { name: "Try again" }).click();
  await answers.getByText("Hello.").waitFor();
  await eventually(() => answers.count(), 1);
});
