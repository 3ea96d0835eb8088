import { render } from "preact";
import { App } from "./components/App";
import { listenToKeys } from "./components/keyboard";
import { loadConfig } from "./state/config";
import { watchFlow } from "./state/flow";
import { watchHealth } from "./state/health";
import "./state/theme";

const root = document.getElementById("app");
if (root) render(<App />, root);
listenToKeys();
void loadConfig();
watchHealth();
watchFlow();
