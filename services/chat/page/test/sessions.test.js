import assert from "node:assert/strict";
import { eventually, pageTest } from "./setup.js";

const day = 24 * 60 * 60 * 1000;

function seed(mock) {
  mock.seed("alice", "s1", "How does pub/sub work?", [["How does pub/sub work?", "Chat publishes, and the broker delivers."]]);
  mock.seed("alice", "s2", "Draft a release note", [["Draft a release note", "Here it is."], ["Shorter", "Done."]], new Date(Date.now() - day));
  mock.seed("alice", "s3", "Explain the spool", [["Explain the spool", "Events wait on disk."]], new Date(Date.now() - 30 * day));
}

pageTest("conversations are listed by day, opened, and left with the back button", async ({ page, mock, sees, look, answers }) => {
  seed(mock);
  await page.reload();
  for (const title of ["Today", "Yesterday", "Earlier"]) await page.getByRole("heading", { name: title }).waitFor();
  await page.getByRole("link", { name: /Draft a release note/ }).click();
  await answers.getByText("Here it is.").waitFor();
  await look("sessions");
  await page.getByRole("link", { name: /How does pub/ }).click();
  await sees("Chat publishes, and the broker delivers.");
  await page.goBack();
  await answers.getByText("Here it is.").waitFor();
  assert.equal(await page.getByRole("link", { name: /Draft a release note/ }).getAttribute("aria-current"), "page");
});

pageTest("a conversation is found, renamed and deleted", async ({ page, mock, look, answers }) => {
  seed(mock);
  await page.reload();
  const links = page.locator(".session a");
  await eventually(() => links.count(), 3);
  await page.keyboard.press("Control+k");
  await page.keyboard.type("RELEASE note");
  await eventually(() => links.count(), 1);
  await links.first().click();
  await answers.getByText("Done.").waitFor();
  await page.getByRole("button", { name: /Rename/ }).click();
  await page.getByRole("textbox", { name: "Title of the conversation" }).fill("Release note 0.2");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: /Release note 0.2/ }).waitFor();
  assert.equal(mock.of("alice").get("s2").title, "Release note 0.2");
  await page.getByRole("button", { name: /Delete/ }).click();
  await page.getByRole("button", { name: "Keep" }).waitFor();
  await look("delete");
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await eventually(() => mock.of("alice").has("s2"), false);
  await page.getByRole("heading", { name: /Welcome back/ }).waitFor();
});

pageTest("an answer goes on while another conversation is shown", async ({ page, mock, send, answers, sees }) => {
  seed(mock);
  await page.reload();
  await send("hold on");
  await answers.getByText("The answer begins,").waitFor();
  await page.getByRole("link", { name: /Explain the spool/ }).click();
  await answers.getByText("Events wait on disk.").waitFor();
  await sees("answering…");
  mock.open("hold");
  await page.getByRole("link", { name: /hold on 1 turn/ }).click();
  await answers.getByText("and it ends.").waitFor();
  assert.equal(await answers.count(), 1);
});

pageTest("another user sees other conversations and another count", async ({ page, mock, look, sees }) => {
  seed(mock);
  mock.seed("bob", "b1", "Of bob", [["Hi", "Hello bob."]]);
  await page.reload();
  await page.getByRole("button", { name: /You are alice, 4 messages/ }).click();
  const field = page.getByRole("textbox", { name: "User id" });
  await field.fill("..");
  await page.getByRole("button", { name: "Use it" }).click();
  await sees("Type an id that is more than blanks and dots.");
  await look("who");
  await field.fill("bob");
  await field.press("Enter");
  await page.getByRole("button", { name: /You are bob, 1 message counted/ }).waitFor();
  await page.getByRole("link", { name: /Of bob/ }).waitFor();
  assert.equal(await page.getByRole("link", { name: /spool/ }).count(), 0);
});

pageTest("a first visit makes a user up, and keeps it", { user: null }, async ({ page }) => {
  const name = () => page.locator(".pill .name").textContent();
  const first = await name();
  assert.match(first, /^guest-[0-9a-f]{4}$/);
  await page.reload();
  assert.equal(await name(), first);
});
