import { sidebarOpen, view } from "../../state/layout";

/** Chooses between chat and flow, on screens without room for both. */
export function ViewTabs() {
  return (
    <nav class="views" aria-label="View" inert={sidebarOpen.value}>
      {(["chat", "flow"] as const).map((name) => (
        <button key={name} aria-current={view.value === name ? "page" : undefined} onClick={() => (view.value = name)}>
          {name === "chat" ? "Chat" : "Flow"}
        </button>
      ))}
    </nav>
  );
}
