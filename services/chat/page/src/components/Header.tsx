import { sidebarOpen } from "../state/layout";
import { DocsMenu } from "./DocsMenu";
import { HealthPill } from "./HealthPill";
import { Icon } from "./Icon";
import { openShortcuts } from "./ShortcutsDialog";
import { WhoAmI } from "./WhoAmI";

export function Header() {
  return (
    <header class="header" inert={sidebarOpen.value}>
      <button
        class="quiet square narrow-only"
        aria-label="Conversations"
        aria-expanded={sidebarOpen.value}
        aria-controls="conversations"
        onClick={() => (sidebarOpen.value = !sidebarOpen.value)}
      >
        <Icon name="menu" />
      </button>
      <h1 class="brand">DACA</h1>
      <HealthPill />
      <div class="spring" />
      <WhoAmI />
      <nav class="links" aria-label="Help">
        <DocsMenu />
        <button class="quiet" onClick={openShortcuts} aria-keyshortcuts="?">Shortcuts</button>
      </nav>
    </header>
  );
}
