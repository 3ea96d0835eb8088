import { signal } from "@preact/signals";

/** Whether the conversations lie over the chat, on screens without room for both. */
export const sidebarOpen = signal(false);

/** Whether the screen has no room for the conversations beside the chat, as in layout.css. */
export const narrow = matchMedia("(max-width: 819px)");

narrow.addEventListener("change", () => (sidebarOpen.value = false));
