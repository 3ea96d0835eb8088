import { signal } from "@preact/signals";
import type { Turn } from "./turn";

/** The turn whose message is being edited. */
export const editing = signal<Turn | null>(null);
