// What is written and not sent yet. It survives a reload.
import { effect, signal } from "@preact/signals";
import { shown } from "./route";
import { loadHere, saveHere } from "./storage";

export const draft = signal("");

const key = () => "draft/" + shown.peek();

effect(() => {
  void shown.value;
  draft.value = loadHere(key());
});

export function saveDraft(text: string): void {
  draft.value = text;
  saveHere(key(), text);
}
