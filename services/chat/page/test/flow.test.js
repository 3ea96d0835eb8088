// The panel "Flow": what it shows of the events that pass, and what an operator does with it.
import assert from "node:assert/strict";
import { later, countedEvent } from "./mock.js";
import { eventually, pageTest } from "./setup.js";

const minute = 60_000;
const ago = (ms) => new Date(Date.now() - ms);
const large = { viewport: { width: 1440, height: 900 } };
const moving = { ...large, reducedMotion: "no-preference" };

/** Half an hour of what six users do. */
function traffic(mock, users = ["alice", "bob", "carol", "guest-91c2", "dave", "a-bot-with-a-very-long-name-indeed"]) {
  const counts = new Map(users.map((user, n) => [user, 7 * n * n + 3]));
  const events = Array.from({ length: 34 }, (_, n) => {
    const user = users[(n * 5 + (n >> 2)) % users.length];
    counts.set(user, counts.get(user) + 1);
    return countedEvent(user, counts.get(user), {
      at: ago((34 - n) * 17_000), answered: 420 + ((n * 137) % 900), broker: 0.8 + ((n * 31) % 17) / 10,
      analytics: 1.2 + ((n * 7) % 23) / 10, store: 0.4 + ((n * 13) % 9) / 10,
    });
  });
  const minutes = Array.from({ length: 30 }, (_, n) => ({
    minute: new Date(Math.floor(Date.now() / minute - 29 + n) * minute).toISOString(),
    counted: n < 6 ? 0 : Math.round(9 + 7 * Math.sin(n / 2.7) + ((n * 5) % 4)),
  }));
  const seen = users.map((user_id) => ({ user_id, count: counts.get(user_id), at: new Date().toISOString() }));
  mock.counts.set("alice", counts.get("alice"));
  mock.tell({ minutes, users: seen });
  mock.activity.events = events;
}

const letter = (id, rest) => ({ id, topic: "messages", type: "MessageSent", user_id: "legacy-bot", reason: "user_id: it has control characters", received_at: ago(9 * minute).toISOString(), ...rest });
const letters = { total: 2, letters: [letter("l1"), letter("l2", { type: undefined, user_id: undefined, reason: "the body is not JSON: invalid character 'h' looking for beginning of value" })] };

const flow = (page) => page.getByRole("complementary", { name: "Flow" });
const rows = (page) => page.locator(".events tbody tr:not(.detail)");

pageTest("flow: nothing has happened yet", { context: large }, async ({ page, look }) => {
  await flow(page).getByText("No events yet.").waitFor();
  await flow(page).getByText("None. Every event could be counted.").waitFor();
  await look("flow-empty");
  await flow(page).getByRole("button", { name: "Write a message" }).click();
  await eventually(() => page.evaluate(() => document.activeElement?.id), "message");
});

pageTest("flow: a message is seen on its way", { context: large }, async ({ page, mock, send, look }) => {
  await flow(page).getByText("No events yet.").waitFor();
  mock.held.add("counting");
  await send("hold on");
  await rows(page).getByText("answering…").waitFor();
  await page.locator("[data-place=chat][data-lit]").waitFor();
  await look("flow-answering");
  mock.open("hold");
  await eventually(() => rows(page).locator("td").nth(2).innerText(), "…");
  await page.locator("[data-place=broker][data-lit]").waitFor();
  mock.open("counting");
  const [published] = mock.activity.events;
  mock.counts.set("alice", 41);
  mock.travel(published, 41);
  await rows(page).getByText("41").waitFor();
  await page.getByRole("button", { name: /41 messages counted/ }).waitFor();
  assert.equal(await rows(page).count(), 1);
});

pageTest("flow: an event is followed by mouse and by keyboard", { context: large }, async ({ page, mock, look }) => {
  traffic(mock);
  await page.reload();
  await eventually(() => rows(page).count(), 8);
  await flow(page).getByText("Medians of the last 20 messages.").waitFor();
  await look("flow-traffic");
  await rows(page).nth(2).hover();
  await flow(page).getByText(/^The event of .* from/).waitFor();
  await page.mouse.move(600, 300);
  await flow(page).getByText("Medians of the last").waitFor();
  await rows(page).nth(1).getByRole("button").click();
  await page.mouse.move(600, 300);
  await look("flow-chosen");
  await flow(page).getByText(/Analytics counted it as message \d+, which took/).waitFor();
  assert.equal(await rows(page).nth(1).getByRole("button").getAttribute("aria-expanded"), "true");
  await page.keyboard.press("Enter");
  await eventually(() => page.locator(".detail").count(), 0);
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await eventually(() => rows(page).nth(2).getByRole("button").getAttribute("aria-expanded"), "true");
  await page.getByRole("button", { name: "Show 26 more" }).click();
  await eventually(() => rows(page).count(), 34);
});

pageTest("flow: rows stay where they are while somebody reads them", { context: large }, async ({ page, mock }) => {
  traffic(mock);
  await page.reload();
  await eventually(() => rows(page).count(), 8);
  await rows(page).nth(3).hover();
  const before = await rows(page).nth(3).innerText();
  for (let n = 0; n < 3; n++) mock.pass(countedEvent("zoe", n + 1));
  await flow(page).getByText("3 newer, held while you read").waitFor();
  assert.equal(await rows(page).nth(3).innerText(), before);
  await page.mouse.move(600, 300);
  await rows(page).first().getByText("zoe").waitFor();
});

pageTest("flow: each place is explained", { context: large }, async ({ page, mock, look, sees }) => {
  traffic(mock);
  await page.reload();
  for (const [place, said] of [["browser", "POST /chat/stream"], ["chat", "chat-service"], ["broker", "pubsub"], ["analytics", "GET /analytics/alice"], ["store", "statestore"]]) {
    const button = page.locator(`[data-place=${place}] button`);
    await button.focus();
    await page.keyboard.press("Enter");
    await sees(said);
    assert.equal(await button.getAttribute("aria-expanded"), "true");
    await look(`flow-explained-${place}`);
  }
  await page.getByRole("button", { name: "Close the explanation" }).click();
  await flow(page).getByText("Medians of the last").waitFor();
  await eventually(() => page.evaluate(() => document.activeElement?.closest("li")?.dataset.place), "store");
});

pageTest("flow: dots travel, and are few however much happens", { context: moving }, async ({ page, mock, shot }) => {
  traffic(mock);
  await page.reload();
  await eventually(() => rows(page).count(), 8);
  await page.evaluate(() => {
    window.most_ = 0;
    new MutationObserver(() => (window.most_ = Math.max(window.most_, document.querySelectorAll(".rider").length))).observe(document.querySelector(".wires"), { childList: true });
  });
  for (let n = 0; n < 3; n++) mock.pass(countedEvent("alice", 500 + n, { at: ago(700) }));
  await page.locator("[data-place=broker][data-lit]").waitFor();
  await shot("flow-dots");
  for (let n = 0; n < 400; n++) mock.pass(countedEvent(`user-${n % 40}`, n));
  await eventually(() => page.locator(".rider").count(), 0);
  const most = await page.evaluate(() => window.most_);
  assert.ok(most > 5 && most <= 24, `there were up to ${most} dots`);
  await eventually(() => page.evaluate(() => document.querySelectorAll(".path [data-lit]").length), 0);
});

pageTest("flow: nothing moves where less motion is asked for", { context: large }, async ({ page, mock }) => {
  await flow(page).getByText("No events yet.").waitFor();
  mock.pass(countedEvent("alice", 1));
  await page.locator("[data-place=store][data-lit]").waitFor();
  await page.locator(".events .fresh").waitFor();
  assert.equal(await page.locator(".rider").count(), 0);
});

pageTest("flow: events that wait on disk", { context: large }, async ({ page, mock, look, sees }) => {
  traffic(mock);
  mock.readiness = { status: "degraded", checks: { ...mock.readiness.checks, pubsub: "the broker does not answer" } };
  await page.reload();
  await eventually(() => rows(page).count(), 8);
  for (let n = 0; n < 3; n++) {
    const received_at = ago(14_000 - 3000 * n).toISOString();
    mock.pass({ key: `s${n}`, id: `0f0b-${n}`, type: "MessageSent", user_id: ["bob", "alice", "dave"][n], stage: "spooled", spooled: true, received_at, answered_at: later(received_at, 655.2) });
  }
  mock.tell({ waiting: 3 });
  await sees("3 events wait on the disk of the chat service");
  await rows(page).first().getByText(/waits \d+ s/).waitFor();
  await rows(page).nth(1).getByRole("button").click();
  await sees("It is published when the broker is back.");
  await look("flow-spooled");
  const received_at = mock.activity.events.at(-1).received_at;
  mock.pass({ ...countedEvent("dave", 120), key: "s2", received_at, answered_at: later(received_at, 655.2), spooled: true });
  mock.tell({ waiting: 0 });
  await rows(page).first().getByText("120").waitFor();
  assert.equal(await page.getByText("wait on the disk").count(), 0);
});

pageTest("flow: events of each kind", { context: large }, async ({ page, mock, look, sees }) => {
  await flow(page).getByText("No events yet.").waitFor();
  const received_at = ago(2000).toISOString();
  mock.pass({ key: "f", type: "MessageSent", user_id: "alice", stage: "failed", received_at, reason: "the key is wrong" });
  mock.pass({ ...countedEvent("bob", 7), key: "d", stage: "duplicate", at: ago(1500) });
  mock.pass({ ...countedEvent(""), key: "l", stage: "dead letter", reason: "user_id: it has control characters", stored_ms: undefined, received_at: undefined });
  mock.pass({ ...countedEvent("newcomer", 0), key: "r", type: "UserRegistered", stage: "registered", received_at: undefined });
  for (const [name, words] of [["not answered", "The agent did not answer (the key is wrong), so no event was published"], ["a copy", "It is a copy"], ["dead letter", "It can never be counted: user_id"], ["registered", "The user was registered"]]) {
    await rows(page).filter({ hasText: name }).getByRole("button").click();
    await sees(words);
  }
  await rows(page).filter({ hasText: "dead letter" }).getByRole("button").click();
  await page.mouse.move(600, 300);
  await look("flow-kinds");
});

pageTest("flow: dead letters are replayed and deleted", { context: large, expectErrors: /409/ }, async ({ page, mock, look, sees }) => {
  traffic(mock);
  mock.tell({ dead_letters: letters });
  await page.reload();
  await sees("legacy-bot");
  await page.locator(".letters").scrollIntoViewIfNeeded();
  await look("flow-letters");
  mock.broken.add("replay");
  await page.getByRole("button", { name: "Replay: MessageSent from legacy-bot" }).click();
  await sees("The event cannot be replayed: it has no type");
  mock.broken.delete("replay");
  await page.getByRole("button", { name: "Replay: MessageSent from legacy-bot" }).click();
  await eventually(() => page.locator(".letters li").count(), 1);
  await page.getByRole("button", { name: "Delete: Event on messages" }).click();
  await look("flow-letters-delete");
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await sees("None. Every event could be counted.");
  assert.deepEqual(mock.requests.filter(({ path }) => path.startsWith("/deadletters")).map(({ method, path }) => `${method} ${path}`),
    ["POST /deadletters/l1/replay", "POST /deadletters/l1/replay", "DELETE /deadletters/l2"]);
});

pageTest("flow: only an operator sees others and dead letters", { context: large, expectErrors: /401/ }, async ({ page, mock, look, sees }) => {
  traffic(mock);
  mock.token = "secret";
  mock.config.kubernetes = true;
  mock.tell({ dead_letters: letters });
  await page.reload();
  await sees("These are your own events.");
  await eventually(async () => new Set(await rows(page).getByRole("button").allInnerTexts()), new Set(["alice"]));
  assert.equal(await page.getByText("legacy-bot").count(), 0);
  const field = page.getByRole("textbox", { name: "Operator's token" });
  await field.scrollIntoViewIfNeeded();
  await look("flow-stranger");
  await field.fill("wrong");
  await field.press("Enter");
  await sees("The token is not the operator's.");
  await look("flow-stranger-wrong");
  await field.fill("secret");
  await field.press("Enter");
  await sees("legacy-bot");
  await page.getByRole("button", { name: "Replay: MessageSent from legacy-bot" }).click();
  await eventually(() => page.locator(".letters li").count(), 1);
  await page.reload();
  await sees("Event on messages");
  await look("flow-operator");
  await page.getByRole("button", { name: "Forget the token" }).click();
  await sees("These are your own events.");
});

pageTest("flow: analytics is away, and then chat", { context: large, expectErrors: /503|ERR_/ }, async ({ page, mock, look, sees }) => {
  traffic(mock);
  await page.reload();
  await eventually(() => rows(page).count(), 8);
  mock.readiness = { status: "degraded", checks: { ...mock.readiness.checks, "analytics-service": "it does not answer" } };
  mock.tell({ analytics: "away", dead_letters: null });
  await sees("Events wait in the broker, and are counted when it is back.");
  await page.locator("[data-place=analytics].failing").waitFor();
  await look("flow-analytics-away");
  mock.tell({ analytics: "ok", dead_letters: { total: 0, letters: [] } });
  mock.broken.add("activity");
  mock.cut();
  await sees("There are too many watchers. The page tries again by itself.");
  mock.broken.delete("activity");
  await eventually(() => page.getByText("There are too many watchers.").count(), 0);
  await mock.down();
  await sees("The chat service does not answer. The page tries again by itself.");
  await look("flow-chat-away");
  await mock.up();
  await eventually(() => page.getByText("The page tries again by itself.").count(), 0);
  mock.pass(countedEvent("zoe", 1));
  await rows(page).first().getByText("zoe").waitFor();
});

pageTest("flow: nothing is asked for while nobody looks", { context: { viewport: { width: 1000, height: 800 } } }, async ({ page, mock, send, answers, look }) => {
  traffic(mock);
  await send("Hello");
  await answers.getByText("You said").waitFor();
  assert.equal(mock.requests.filter(({ path }) => path === "/activity").length, 0);
  await page.getByRole("button", { name: "Flow", exact: true }).click();
  await eventually(() => mock.watchers.size, 1);
  await eventually(() => rows(page).count(), 8);
  await look("flow-tab");
  await page.getByRole("button", { name: "Chat", exact: true }).click();
  await eventually(() => mock.watchers.size, 0);
  await answers.getByText("You said").waitFor();
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("f");
  await eventually(() => page.evaluate(() => document.activeElement?.id), "flow");
  await page.keyboard.press("/");
  await eventually(() => page.evaluate(() => document.activeElement?.id), "message");
  await eventually(() => mock.watchers.size, 0);
});

for (const [name, context] of [
  ["360", { viewport: { width: 360, height: 700 }, hasTouch: true, isMobile: true }],
  ["360-dark", { viewport: { width: 360, height: 1500 }, hasTouch: true, isMobile: true, colorScheme: "dark" }],
]) {
  pageTest(`flow: on a phone, ${name}`, { context }, async ({ page, mock, look, sees }) => {
    traffic(mock);
    mock.tell({ dead_letters: letters });
    await page.reload();
    await page.getByRole("button", { name: "Flow", exact: true }).click();
    await eventually(() => rows(page).count(), 8);
    await look(`flow-${name}`);
    await rows(page).first().getByRole("button").click();
    await sees("Analytics counted it");
    await look(`flow-${name}-chosen`);
    await page.locator(".letters").scrollIntoViewIfNeeded();
    await look(`flow-${name}-letters`);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
    assert.equal(await page.evaluate(() => document.querySelector(".flow").scrollWidth), 360);
  });
}

for (const [name, context] of [
  ["dark", { viewport: { width: 1440, height: 1300 }, colorScheme: "dark" }],
  ["light", { viewport: { width: 1440, height: 1300 } }],
  ["1080", { viewport: { width: 1080, height: 800 } }],
  ["1920", { viewport: { width: 1920, height: 1080 } }],
]) {
  pageTest(`flow: ${name}`, { context }, async ({ page, mock, send, answers, look }) => {
    traffic(mock);
    mock.tell({ dead_letters: letters });
    await page.reload();
    await send("What time is it?");
    await answers.getByText("It is 15:04:05 UTC").waitFor();
    await eventually(() => page.locator(".fresh").count(), 0);
    await eventually(() => page.locator("[data-lit]").count(), 0);
    await rows(page).first().hover();
    await look(`flow-${name}`);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), context.viewport.width);
  });
}
