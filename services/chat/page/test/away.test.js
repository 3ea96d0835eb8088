// The page while a part of the real suite is away. Each test cuts one off, sees what the page
// says, and sees all go on when it is back.
import { pageTest } from "./setup.js";
import { startForAll, startGated, user } from "./stack.js";

const expectErrors = /Failed to load resource|ERR_/;

let stack;

/** Starts the suite for the first test, and has all parts there for each. */
async function site() {
  const gated = await (stack ??= startForAll(startGated));
  await Promise.all([gated.chat, gated.model, gated.broker, gated.store].map((gate) => gate.up()));
  return gated;
}

/** Asks for the state of the services until the pill says what is wanted. */
async function healthSays(page, words) {
  const pill = page.getByRole("button", { name: `State of the services: ${words}` });
  for (let tries = 0; tries < 40 && (await pill.count()) === 0; tries++) {
    await page.evaluate(() => dispatchEvent(new Event("online")));
    if (await pill.waitFor({ timeout: 1000 }).then(() => true, () => false)) return;
  }
  await pill.waitFor({ timeout: 1000 });
}

pageTest("real: the model is away", { site, expectErrors, user: user("model") }, async ({ page, mock, send, sees, look, answers }) => {
  await healthSays(page, "All services ready");
  await mock.model.down();
  await send("Are you there?");
  await page.getByRole("button", { name: "Try again" }).waitFor();
  await sees("The model cannot be reached, or gives no answer.");
  await healthSays(page, "Model fails");
  await look("real-model-away");
  await mock.model.up();
  await page.getByRole("button", { name: "Try again" }).click();
  await answers.getByText(/Are you there/).waitFor();
  await page.getByRole("button", { name: /1 message counted/ }).waitFor();
});

pageTest("real: the broker is away", { site, expectErrors, user: user("broker") }, async ({ page, mock, send, look, answers }) => {
  await healthSays(page, "All services ready");
  await mock.broker.down();
  await send("Keep this");
  await page.getByRole("button", { name: "Copy the answer" }).waitFor();
  await answers.getByText(/Keep this/).waitFor();
  await healthSays(page, "Message broker fails");
  await page.getByRole("button", { name: /State of the services/ }).click();
  await page.getByText("Messages that are answered while the broker is away are kept on disk").waitFor();
  await look("real-broker-away");
  await page.keyboard.press("Escape");
  await mock.broker.up();
  await healthSays(page, "All services ready");
  await counted(page, 1);
});

pageTest("real: the state store is away", { site, expectErrors, user: user("store") }, async ({ page, mock, send, sees, look, answers }) => {
  await healthSays(page, "All services ready");
  await send("Hello");
  await counted(page, 1);
  await mock.store.down();
  await page.reload();
  await sees("The conversations cannot be read");
  await page.getByRole("button", { name: /count not known/ }).waitFor();
  await page.getByRole("button", { name: "New conversation" }).click();
  await look("real-store-away");
  await mock.store.up();
  await healthSays(page, "All services ready");
  await page.reload();
  await page.getByRole("link", { name: /Hello/ }).first().waitFor();
  await counted(page, 1);
  await send("Hello again");
  await answers.getByText(/Hello again/).waitFor();
  await counted(page, 2);
});

pageTest("real: chat is away in the middle of an answer", { site, expectErrors, user: user("chat") }, async ({ page, mock, send, sees, look, answers }) => {
  await send("Say: " + Array.from({ length: 60 }, (_, n) => `w${n}`).join(" "));
  await answers.getByText(/w3 /).waitFor();
  await mock.chat.down();
  await sees("The connection is lost.");
  await healthSays(page, "Chat service is away");
  await look("real-chat-away");
  await mock.chat.up();
  await answers.getByText(/w40 /).waitFor();
  await page.getByRole("button", { name: "Copy the answer" }).waitFor();
  await healthSays(page, "All services ready");
  await counted(page, 1);
});

/** Waits for the count, which the page asks for when it becomes visible or is loaded. */
async function counted(page, n) {
  const pill = page.getByRole("button", { name: new RegExp(`, ${n} messages? counted`) });
  for (let tries = 0; tries < 20 && (await pill.count()) === 0; tries++) {
    if (await pill.waitFor({ timeout: 3000 }).then(() => true, () => false)) return;
    await page.reload();
  }
  await pill.waitFor();
}
