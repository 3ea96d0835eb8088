import assert from "node:assert/strict";
import { eventually, pageTest } from "./setup.js";

pageTest("an empty chat offers suggestions and says which model answers", async ({ page, look, sees, mock, answers }) => {
  await sees("What would you like to know?");
  await sees("The offline model answers.");
  await sees("OPENAI_API_KEY=sk-… make run");
  await look("empty");
  await page.getByRole("button", { name: /What time is it/ }).click();
  await answers.getByText("It is 15:04:05 UTC").first().waitFor();
  assert.equal(mock.counts.get("alice"), 1);
});

pageTest("a message is answered, counted and listed", async ({ page, send, answers, look, mock }) => {
  await send("Hello, how are you?");
  await answers.getByText("You said: “Hello, how are you?”.").waitFor();
  await page.getByRole("button", { name: /You are alice, 1 message counted/ }).waitFor();
  await page.getByRole("link", { name: /Hello, how are you\?/ }).waitFor();
  await eventually(() => page.evaluate(() => location.hash.startsWith("#/c/")), true);
  assert.equal(await page.getByRole("status").textContent().then((t) => t.startsWith("The agent has answered: Hello!")), true);
  const sent = mock.requests.find((r) => r.method === "POST");
  assert.ok(sent.headers["idempotency-key"], "it has an Idempotency-Key");
  await look("answered");
});

pageTest("an answer in progress can be read, and stopped with Esc", async ({ page, send, answers, look, mock, sees }) => {
  await send("hold on");
  await answers.getByText("The answer begins,").waitFor();
  await page.getByRole("button", { name: "Stop" }).waitFor();
  await look("answering");
  await page.keyboard.press("Escape");
  await sees("You stopped this answer.");
  assert.deepEqual([...mock.runs.values()].map((run) => run.status), ["stopped"]);
  await page.getByRole("button", { name: "Send" }).waitFor();
  await look("stopped");
});

pageTest("stop before the server has said which run it is", async ({ page, send, mock, sees }) => {
  mock.held.add("word");
  await send("Hello");
  await page.getByRole("button", { name: "Stop" }).click();
  await sees("You stopped this answer.");
});

pageTest("a tool call is one line that opens", async ({ page, send, answers, look, mock }) => {
  mock.held.add("tool");
  await send("What time is it?");
  const call = answers.getByRole("group").filter({ hasText: "get_current_time" });
  await call.getByText("working…").waitFor();
  await look("tool-working");
  mock.open("tool");
  await call.getByText("1.8 ms").waitFor();
  await answers.getByText("It is 15:04:05 UTC").first().waitFor();
  await page.getByRole("button", { name: "Copy the answer" }).waitFor();
  await call.locator("summary").click();
  await call.getByText("2026-01-02 15:04:05 UTC").waitFor();
  await look("tool-open");
});

pageTest("an answer, a message and code are copied", { context: { permissions: ["clipboard-read", "clipboard-write"] } },
  async ({ page, send, answers }) => {
    await send("What time is it?");
    const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
    await page.getByRole("button", { name: "Copy the code" }).click();
    await eventually(clipboard, 'now := time.Now().UTC()\nfmt.Println(now.Format("15:04:05 MST"))');
    await answers.getByRole("button", { name: "Copy the answer" }).click();
    await eventually(() => clipboard().then((text) => text.startsWith("It is **15:04:05 UTC**.")), true);
    await page.getByRole("button", { name: "Copy your message" }).click();
    await eventually(clipboard, "What time is it?");
    await answers.getByText("Copied").or(page.getByText("Copied")).first().waitFor();
  });

pageTest("regenerate asks again and does not count", async ({ page, send, answers, mock }) => {
  let n = 0;
  mock.answers.unshift([/joke/, async (run) => run.say(`Joke number ${++n}.`)]);
  await send("A joke, please");
  await answers.getByText("Joke number 1.").waitFor();
  await page.getByRole("button", { name: "Regenerate" }).click();
  await answers.getByText("Joke number 2.").waitFor();
  await page.getByRole("button", { name: "Regenerate" }).waitFor();
  assert.equal(await answers.count(), 1);
  assert.equal(mock.counts.get("alice"), 1);
  const { replaces } = JSON.parse(mock.requests.filter((r) => r.method === "POST").at(-1).body);
  assert.ok(replaces, "the turn is named");
  await page.reload();
  await answers.getByText("Joke number 2.").waitFor();
  assert.equal(await answers.count(), 1);
});

pageTest("without replaces there is no regenerate", async ({ page, send, mock }) => {
  mock.config.replaces = false;
  await page.reload();
  await send("Hello");
  await page.getByRole("button", { name: "Copy the answer" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Regenerate" }).count(), 0);
});

pageTest("an earlier message is edited and sent again", async ({ page, send, answers, look, mock }) => {
  await send("Hello");
  await answers.getByText("You said: “Hello”.").waitFor();
  await send("And now this");
  await answers.getByText("You said: “And now this”.").waitFor();
  await page.getByRole("button", { name: "Edit your message" }).first().click();
  const field = page.getByRole("textbox", { name: "Edit your message" });
  await look("editing");
  await field.fill("Good morning");
  await field.press("Enter");
  await answers.getByText("You said: “Good morning”.").waitFor();
  await eventually(() => answers.count(), 1);
  await page.getByRole("button", { name: /3 messages counted/ }).waitFor();
  assert.equal([...mock.of("alice").values()][0].turns.length, 1);
});

pageTest("a long conversation shows its newest part first", async ({ page, mock, sees, answers, shot }) => {
  mock.seed("alice", "long", "A long one", Array.from({ length: 1000 }, (_, n) => [`Question ${n}`, `Answer **${n}**`]));
  await page.goto(mock.url + "#/c/long");
  await page.reload();
  await sees("Question 999");
  assert.equal(await answers.count(), 50);
  await shot("long");
  await page.getByRole("button", { name: "Show earlier messages (950)" }).click();
  await eventually(() => answers.count(), 100);
});

pageTest("markdown is drawn", async ({ send, answers, mock, look }) => {
  mock.answers.unshift([/show me/, async (run) => run.say(markdown)]);
  await send("show me all of it");
  await answers.getByRole("table").waitFor();
  await answers.getByRole("heading", { name: "What is counted" }).waitFor();
  assert.equal(await answers.locator("ol").first().getAttribute("start"), "3");
  await look("markdown");
});

const markdown = `## What is counted

Each message is counted **exactly once**, *whatever* fails in between. See \`make run\` and [the docs](https://example.com/docs).

3. The event is published
4. It is delivered
   - in batches
   - as raw payloads
5. It is counted

| hop | time | share |
| --- | ---: | :---: |
| publish | 1.1 ms | 27 % |
| deliver | 2.4 ms | 59 % |

> A failure is never shown as a count of 0.

- [x] Publish first
- [ ] Spool on failure

\`\`\`go
// Count asks the analytics service how many messages the user has sent.
func (c *daprClient) Count(ctx context.Context, user contract.UserID) (int64, error) {
	return 0, nil
}
\`\`\`

Water is H<sub>2</sub>O, and <b>this</b> is bold.
`;

pageTest("the API is one click away, and on a cluster the lines that lead to it", { context: { permissions: ["clipboard-read", "clipboard-write"] } },
  async ({ page, mock, look, sees }) => {
    const menu = page.getByRole("button", { name: "API", exact: true });
    await menu.click();
    assert.equal(await page.getByRole("link", { name: /Chat, with every route/ }).getAttribute("href"), "docs");
    assert.equal(await page.getByRole("link", { name: "openapi.json" }).getAttribute("href"), "openapi.json");
    await sees(`curl -s -X POST ${mock.url}chat/`);
    await sees(/at the address that make run prints/);
    assert.equal(await page.getByText("port-forward").count(), 0);
    await look("docs");
    mock.config.kubernetes = true;
    mock.config.cluster = { namespace: "team", chat: "daca-chat:80", analytics: "daca-analytics:8001", admin_secret: "daca-admin" };
    await page.reload();
    await menu.click();
    await page.getByRole("button", { name: "Copy the line for chat" }).click();
    await eventually(() => page.evaluate(() => navigator.clipboard.readText()), "kubectl -n team port-forward svc/daca-chat 8000:80");
    await sees("kubectl -n team port-forward svc/daca-analytics 8001:8001");
    await sees("kubectl -n team get secret daca-admin");
    await look("docs-cluster");
  });
