// How many messages of the user are counted. A message is counted a moment after it is
// answered, so the page asks again until the count has grown.
import { effect, signal } from "@preact/signals";
import { getCount } from "../api/service";
import { user } from "./identity";

/** The count; null while it is not known, which is not 0. */
export const count = signal<number | null>(null);

/** Whether a message is answered and not yet counted. */
export const counting = signal(false);

const pauses = [60, 100, 150, 250, 500, 1000, 2000, 4000, 8000]; // ms between questions

let asked = 0;

effect(() => {
  void user.value;
  count.value = null;
  void refreshCount();
});

const period = 15_000; // other tabs and clients send messages too

setInterval(() => {
  if (document.visibilityState === "visible" && !counting.value) void refreshCount();
}, period);

/** Asks for the count, and again until it is above the one that was known before. */
export async function refreshCount(above?: number | null): Promise<void> {
  const question = ++asked;
  const id = user.value;
  counting.value = above !== undefined;
  for (const pause of [0, ...pauses]) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    if (question !== asked) return;
    try {
      const found = await getCount(id);
      if (question !== asked) return;
      count.value = found;
      if (above === undefined || above === null || found > above) break;
    } catch {
      if (question !== asked) return;
      if (above === undefined) count.value = null;
    }
  }
  counting.value = false;
}

/** Takes a count that was heard of otherwise. One that is lower comes too late, or is asked for in time. */
export function noteCount(heard: number | undefined): void {
  if (heard !== undefined && count.value !== null && heard > count.value) count.value = heard;
}
