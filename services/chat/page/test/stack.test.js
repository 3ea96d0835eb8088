// The page with everything behind it that `make run` starts: real sidecars, and the offline
// model, which takes its time here.
import assert from "node:assert/strict";
import { eventually, helpersFor, pageTest } from "./setup.js";
import { startForAll, startSuite, user } from "./stack.js";

let stack;

/** Starts the suite for the first test that needs it. */
function site() {
  const { DACA_URL: url } = process.env;
  stack ??= url ? Promise.resolve({ url, sidecar: "http://127.0.0.1:3501", stop: () => undefined }) : startForAll(() => startSuite());
  return stack;
}

pageTest("real: a first message by a suggestion, a tool, the count", { site, user: user("ada") }, async ({ page, answers, look, sees }) => {
  await sees("The offline model answers.");
  await page.getByRole("button", { name: /What time is it/ }).click();
  await answers.getByText("get_current_time").waitFor();
  await page.getByRole("button", { name: "Copy the answer" }).waitFor();
  await page.getByRole("button", { name: /1 message counted/ }).waitFor();
  await answers.locator("summary").click();
  await answers.getByText(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/).waitFor();
  await page.getByRole("link", { name: /What time is it\? 1 turn/ }).waitFor();
  await look("real");
});

pageTest("real: earlier messages are remembered, and shown after a reload", { site, user: user("bea") }, async ({ page, send, answers }) => {
  await send("My name is Ada");
  await page.getByRole("button", { name: "Copy the answer" }).waitFor();
  await send("What is my name?");
  await answers.nth(1).getByText(/Ada/).waitFor();
  await eventually(() => page.getByRole("button", { name: "Copy the answer" }).count(), 2);
  const before = await answers.allInnerTexts();
  await page.reload();
  await eventually(() => answers.count(), 2);
  const after = await answers.allInnerTexts();
  assert.deepEqual(after.map((t) => t.split("\n")[0]), before.map((t) => t.split("\n")[0]));
  await page.getByRole("button", { name: /2 messages counted/ }).waitFor();
});

pageTest("real: an answer is made again and counts once; an edited message counts", { site, user: user("bob") }, async ({ page, send, answers }) => {
  await send("Hello");
  await page.getByRole("button", { name: /1 message counted/ }).waitFor();
  const again = page.waitForResponse((response) => response.url().endsWith("/chat/stream"));
  await page.getByRole("button", { name: "Regenerate" }).click();
  await again; // the button comes back with the answer
  await page.getByRole("button", { name: "Regenerate" }).waitFor();
  await answers.getByText("Welcome! This is your first message.").waitFor(); // the agent is told what it was told before
  await send("And now?");
  await answers.nth(1).getByText("You had sent 1 message before this one.").waitFor();
  await page.getByRole("button", { name: /2 messages counted/ }).waitFor();
  await page.getByRole("button", { name: "Edit your message" }).first().click();
  const field = page.getByRole("textbox", { name: "Edit your message" });
  await field.fill("Good morning");
  await field.press("Enter");
  await answers.getByText(/Good morning/).waitFor();
  await eventually(() => answers.count(), 1);
  await page.getByRole("button", { name: /3 messages counted/ }).waitFor();
});

// The model repeats the beginning of it, which takes some seconds.
const long = "Say: " + Array.from({ length: 60 }, (_, n) => `w${n}`).join(" ");
const whole = /w40 /;

pageTest("real: a reload in the middle of an answer", { site, user: user("cy") }, async ({ page, send, answers }) => {
  await send(long);
  await answers.getByText(/w3 /).waitFor();
  await page.getByRole("button", { name: "Stop" }).waitFor();
  await page.reload();
  await answers.getByText(whole).waitFor();
  await page.getByRole("button", { name: "Copy the answer" }).waitFor();
  assert.equal(await answers.count(), 1);
  assert.equal((await answers.innerText()).match(/w20 /g).length, 1);
  await page.getByRole("button", { name: /1 message counted/ }).waitFor();
});

pageTest("real: stop, and a second tab that sees it", { site, user: user("dan") }, async ({ page, send, answers, tab, sees }) => {
  await send(long);
  await answers.getByText(/w3 /).waitFor();
  const other = await tab(new URL(page.url()).hash);
  const there = helpersFor(other);
  await there.answers.getByText(/w3 /).waitFor();
  await page.keyboard.press("Escape");
  await sees("You stopped this answer.");
  await there.sees("You stopped this answer.");
  await page.getByRole("button", { name: /1 message counted/ }).waitFor();
  await page.reload();
  await sees("You stopped this answer.");
  assert.equal(await answers.count(), 1);
});

pageTest("real: a conversation is renamed and deleted", { site, user: user("eve") }, async ({ page, send }) => {
  await send("Hello");
  await page.getByRole("link", { name: /Hello 1 turn/ }).waitFor();
  await page.getByRole("button", { name: /Rename/ }).click();
  await page.getByRole("textbox", { name: "Title of the conversation" }).fill("Greetings");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: /Greetings/ }).waitFor();
  await page.reload();
  await page.getByRole("link", { name: /Greetings/ }).waitFor();
  await page.getByRole("button", { name: /Delete/ }).click();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await eventually(() => page.getByRole("link", { name: /Greetings/ }).count(), 0);
  await page.reload();
  await page.getByText("Your conversations will be listed here.").waitFor();
});

const flow = (page) => page.getByRole("complementary", { name: "Flow" });
const events = (page, user) => flow(page).locator(".events tbody tr:not(.detail)", { hasText: user });

const fay = user("fay");

pageTest("real: a message is seen on its way, with the time of each hop", { site, user: fay, context: { viewport: { width: 1440, height: 900 } } }, async ({ page, send, look }) => {
  await flow(page).getByText(/No events yet|Medians of|Choose a place/).waitFor();
  await send(long);
  await events(page, fay).getByText("answering…").waitFor();
  const counted = events(page, fay).getByText("1", { exact: true });
  await counted.waitFor();
  await page.getByRole("button", { name: /1 message counted/ }).waitFor();
  await events(page, fay).getByRole("button").click();
  await flow(page).getByText(/The agent answered after [\d.]+ s\. The event took .* through the broker\. Analytics counted it as message 1, which took .* and .* in the store\./).waitFor();
  await page.mouse.move(600, 300);
  for (const place of ["chat", "broker", "analytics", "store"]) assert.match(await page.locator(`[data-place=${place}] .took`).innerText(), /^(< )?[\d.]+ m?s$/);
  await look("real-flow");
});

pageTest("real: what another client sends is seen and counted at once", { site, user: user("gil") }, async ({ page, mock }) => {
  await flow(page).getByText(/No events yet|Medians of|Choose a place/).waitFor();
  const id = await page.evaluate(() => localStorage.getItem("daca.user"));
  await page.getByRole("button", { name: /0 messages counted/ }).waitFor();
  const answer = await fetch(new URL("chat/", mock.url), { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ user_id: id, text: "Hello" }) });
  assert.equal(answer.status, 200);
  await events(page, id).getByText("1", { exact: true }).waitFor();
  await page.getByRole("button", { name: /1 message counted/ }).waitFor();
});

const ida = user("ida");

pageTest("real: dead letters are replayed, and deleted", { site, user: ida }, async ({ page, mock, look }) => {
  const publish = async (topic, event) => {
    const to = `${mock.sidecar}/v1.0/publish/pubsub/${topic}?metadata.rawPayload=true`;
    const answer = await fetch(to, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(event) });
    assert.equal(answer.status, 204);
  };
  const sent = (user_id) => ({
    specversion: "1.0", id: user("event"), source: "test", type: "MessageSent", time: new Date().toISOString(),
    datacontenttype: "application/json", topic: "messages", data: { event_type: "MessageSent", user_id },
  });
  await page.getByRole("button", { name: /0 messages counted/ }).waitFor();
  await publish("deadletters", sent(ida)); // as a sidecar does that could not deliver it
  await publish("messages", sent("..")); // which can be the id of nobody
  const letters = flow(page).locator(".letters li");
  await eventually(() => letters.count(), 2);
  await letters.first().scrollIntoViewIfNeeded();
  await look("real-letters");
  await letters.filter({ hasText: ida }).getByRole("button", { name: /^Replay/ }).click();
  await page.getByRole("button", { name: /1 message counted/ }).waitFor();
  await events(page, ida).getByText("1", { exact: true }).waitFor();
  await eventually(() => letters.count(), 1);
  await letters.getByRole("button", { name: /^Delete/ }).click();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await flow(page).getByText("None. Every event could be counted.").waitFor();
});
