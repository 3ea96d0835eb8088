import { computed, signal } from "@preact/signals";
import type { SessionSummary } from "../api/sessions";
import { painted, sidebarOpen } from "../state/layout";
import { problemOf } from "../state/problems";
import { refreshSessions, sessions, sessionsFailure } from "../state/sessions";
import { startNew } from "../state/shown";
import { Icon } from "./Icon";
import { focusComposer } from "./keyboard";
import { SessionRow } from "./SessionRow";

const sought = signal("");

const found = computed(() => {
  const words = sought.value.toLowerCase().split(/\s+/).filter(Boolean);
  return sessions.value?.filter(({ title }) => words.every((word) => title.toLowerCase().includes(word))) ?? null;
});

/** The conversations, newest first. */
export function Sidebar() {
  return (
    <aside id="conversations" class={sidebarOpen.value ? "sidebar open" : "sidebar"} aria-label="Conversations">
      {painted.value && <Conversations />}
    </aside>
  );
}

function Conversations() {
  return (
    <>
      <button class="new" onClick={begin} aria-keyshortcuts="Control+Shift+O">
        <Icon name="plus" /> New conversation
      </button>
      <label class="search">
        <span class="unseen">Search the conversations</span>
        <Icon name="search" />
        <input id="search" type="search" placeholder="Search" value={sought} aria-keyshortcuts="Control+K"
          onInput={(event) => (sought.value = event.currentTarget.value)}
          onKeyDown={(event) => event.key === "Escape" && (sought.value = "")} />
      </label>
      <List />
    </>
  );
}

function begin() {
  sidebarOpen.value = false;
  startNew();
  focusComposer();
}

function List() {
  const all = found.value;
  if (sessionsFailure.value && !all?.length) {
    const { what } = problemOf(sessionsFailure.value);
    return (
      <div class="aside-note">
        <p>{sessionsFailure.value.status === 0 ? what : "The conversations cannot be read: the state store is away. You can chat meanwhile."}</p>
        <button class="plain" onClick={() => void refreshSessions()}>Try again</button>
      </div>
    );
  }
  if (!all) return <p class="aside-note">Looking for your conversations…</p>;
  if (!all.length) return <p class="aside-note">{sought.value ? "No title has these words." : "Your conversations will be listed here."}</p>;
  return (
    <nav aria-label="Conversations by day">
      {byDay(all).map(([day, list]) => (
        <section key={day} aria-label={day}>
          <h2>{day}</h2>
          <ul>{list.map((one) => <SessionRow key={one.session_id} session={one} />)}</ul>
        </section>
      ))}
    </nav>
  );
}

function byDay(all: SessionSummary[]): [string, SessionSummary[]][] {
  const today = new Date().setHours(0, 0, 0, 0);
  const day = 24 * 60 * 60 * 1000;
  const groups = new Map<string, SessionSummary[]>();
  for (const one of all) {
    const at = new Date(one.updated).getTime();
    const name = at >= today ? "Today" : at >= today - day ? "Yesterday" : at >= today - 7 * day ? "This week" : "Earlier";
    groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  return [...groups];
}
