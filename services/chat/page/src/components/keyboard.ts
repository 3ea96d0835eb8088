// The keys that work everywhere, and the moving of the focus. ShortcutsDialog lists them.
import { narrow, sidebarOpen, view } from "../state/layout";
import { show, shown } from "../state/route";
import { sessions } from "../state/sessions";
import { conversation, startNew } from "../state/shown";
import { openShortcuts } from "./ShortcutsDialog";

export function focusComposer(): void {
  view.value = "chat";
  document.getElementById("message")?.focus();
}

/** Shows the flow, and moves the focus there. */
function focusFlow(): void {
  view.value = "flow";
  requestAnimationFrame(() => document.getElementById("flow")?.focus());
}

/** A ref that moves the focus to what has just appeared, and selects its text. */
export function focusOn(element: HTMLElement | null): void {
  element?.focus();
  if (element instanceof HTMLInputElement) element.select();
}

export function listenToKeys(): void {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const key = event.key.toLowerCase();
    const command = event.ctrlKey || event.metaKey;
    if (key === "escape") {
      escape(event);
    } else if (command && key === "k") {
      event.preventDefault();
      search();
    } else if (command && event.shiftKey && key === "o") {
      event.preventDefault();
      startNew();
      focusComposer();
    } else if (event.altKey && (key === "arrowup" || key === "arrowdown")) {
      event.preventDefault();
      step(key === "arrowdown" ? 1 : -1);
    } else if (!command && !event.altKey && !isTyping(event.target)) {
      if (key === "?") openShortcuts();
      if (key === "f") focusFlow();
      if (key === "/") {
        event.preventDefault();
        focusComposer();
      }
    }
  });
}

/** Closes what is open, or stops the answer. */
function escape(event: KeyboardEvent): void {
  if (document.querySelector("dialog[open], :popover-open")) return; // the browser closes it
  if (sidebarOpen.value) sidebarOpen.value = false;
  else if (conversation.value.running.value) {
    event.preventDefault();
    void conversation.value.stop();
  }
}

function search(): void {
  sidebarOpen.value = narrow.matches;
  requestAnimationFrame(() => document.getElementById("search")?.focus());
}

/** Shows the next conversation of the list, or the one before. */
function step(by: number): void {
  const all = sessions.value ?? [];
  const at = all.findIndex((one) => one.session_id === shown.value);
  const next = all[at + by];
  if (next) show(next.session_id);
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
