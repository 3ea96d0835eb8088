import { batch } from "@preact/signals";
import { render } from "preact";
import { App } from "./components/App";
import { listenToKeys } from "./components/keyboard";
import { loadMarkdown } from "./components/MarkdownView";
import { loadConfig } from "./state/config";
import { saveDraft } from "./state/draft";
import { loadToken, watchFlow } from "./state/flow";
import { watchHealth } from "./state/health";
import { painted } from "./state/layout";
import "./state/theme";

/** Draws the page over what index.html shows. The field stays, with the focus and what is typed there. */
function start(root: HTMLElement): void {
  const typed = root.querySelector("textarea")?.value;
  if (typed) saveDraft(typed);
  removeIndentation(root);
  delete root.dataset["waiting"];
  render(<App />, root);
}

/** Elements without text between them are drawn over where they are, and would be moved otherwise. */
function removeIndentation(root: HTMLElement): void {
  const texts = document.createNodeIterator(root, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    if (!text.nodeValue?.trim()) (text as Text).remove();
  }
}

const root = document.getElementById("app");
if (root) start(root);
listenToKeys();
void loadConfig();
watchHealth();
watchFlow();
requestAnimationFrame(() => setTimeout(goOn));
setTimeout(goOn, 500); // a tab in the background paints nothing

/** Draws and fetches what comes after the field for messages. */
function goOn(): void {
  if (painted.value) return;
  batch(() => {
    loadToken();
    painted.value = true;
  });
  void loadMarkdown();
}
