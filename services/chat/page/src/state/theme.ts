import { effect, signal } from "@preact/signals";
import { load, save } from "./storage";

export type Theme = "auto" | "light" | "dark";

const kept = load("theme");

export const theme = signal<Theme>(kept === "light" || kept === "dark" ? kept : "auto");

effect(() => {
  save("theme", theme.value === "auto" ? "" : theme.value);
  if (theme.value === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme.value;
});
