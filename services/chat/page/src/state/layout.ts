import { computed, effect, signal, untracked } from "@preact/signals";
import { shown } from "./route";

/** Whether the conversations lie over the chat, on screens without room for both. */
export const sidebarOpen = signal(false);

/** Whether the screen has no room for the conversations beside the chat, as in layout.css. */
export const narrow = matchMedia("(max-width: 819px)");

narrow.addEventListener("change", () => (sidebarOpen.value = false));

/** Whether the screen has room for the flow beside the chat, as in flow.css. */
const wide = matchMedia("(min-width: 1080px)");

export const roomy = signal(wide.matches);

wide.addEventListener("change", () => (roomy.value = wide.matches));

/** Which of the two is shown where there is no room for both. */
export const view = signal<"chat" | "flow">("chat");

/** Whether the field for messages has been painted. The rest comes after it, so that nobody waits to write. */
export const painted = signal(false);

/** Calls back once the field for messages has been painted. */
export function whenPainted(then: () => void): void {
  if (painted.peek()) then();
  else painted.subscribe((is) => is && untracked(then));
}

/** Whether the flow can be seen. */
export const flowShown = computed(() => painted.value && (roomy.value || view.value === "flow"));

effect(() => {
  document.documentElement.dataset["view"] = view.value; // at once, so that the focus may go there
});

effect(() => {
  void shown.value; // whoever opens a conversation wants to see it
  untracked(() => (view.value = "chat"));
});
