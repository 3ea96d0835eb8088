import { signal } from "@preact/signals";

/** Whether the conversations lie over the chat, on screens without room for both. */
export const sidebarOpen = signal(false);
