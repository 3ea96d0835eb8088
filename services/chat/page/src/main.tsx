import { render } from "preact";
import { App } from "./components/App";
import { focusComposer, listenToKeys } from "./components/keyboard";
import { loadConfig } from "./state/config";
import { saveDraft } from "./state/draft";
import { watchFlow } from "./state/flow";
import { watchHealth } from "./state/health";
import { painted } from "./state/layout";
import "./state/theme";

/** Takes the place of what index.html shows, and keeps what was typed there already. */
function start(root: HTMLElement): void {
  const first = root.querySelector("textarea");
  const hadFocus = first !== null && document.activeElement === first;
  if (first?.value) saveDraft(first.value);
  root.replaceChildren();
  delete root.dataset["waiting"];
  render(<App />, root);
  if (hadFocus) focusComposer();
}

const root = document.getElementById("app");
if (root) start(root);
listenToKeys();
requestAnimationFrame(() => setTimeout(() => (painted.value = true)));
void loadConfig();
watchHealth();
watchFlow();
