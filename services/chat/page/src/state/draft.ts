// What is written and not sent yet. It survives a reload.
import { effect, signal } from "@preact/signals";
import { painted } from "./layout";
import { shown } from "./route";
import { loadHere, saveHere } from "./storage";

export const draft = signal("");

const key = () => "draft/" + shown.peek();

let known = false;

effect(() => {
  void shown.value;
  if (!painted.value) return; // what is kept for the tab takes the browser a moment to find
  if (known || !draft.peek()) draft.value = loadHere(key());
  known = true;
});

export function saveDraft(text: string): void {
  draft.value = text;
  saveHere(key(), text);
}
