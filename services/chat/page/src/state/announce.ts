// What a screen reader is told. The tokens of an answer are not: its end is.
import { signal } from "@preact/signals";

export const announcement = signal("");

export function announce(text: string): void {
  // A text that comes twice is announced twice only if it differs.
  announcement.value = announcement.value === text ? text + "\u00a0" : text;
}
