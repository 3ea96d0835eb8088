// Who the user is: an id that the browser keeps, made up until the user changes it.
import { signal } from "@preact/signals";
import { load, save } from "./storage";

export const user = signal(load("user") || invent());

function invent(): string {
  const made = "guest-" + randomHex(2);
  save("user", made);
  return made;
}

export function setUser(id: string): void {
  save("user", id);
  user.value = id;
}

/** Why a text cannot be the id of a user, or nothing. The rules are the service's. */
export function wrongUser(id: string): string {
  if (!id.trim().replaceAll(".", "")) return "Type an id that is more than blanks and dots.";
  if ([...id].length > 256) return "An id has at most 256 characters.";
  if (/\p{Cc}/u.test(id)) return "An id has no control characters.";
  return "";
}

/** A random text of 2 × bytes digits. crypto.randomUUID is missing on pages without TLS. */
export function randomHex(bytes: number): string {
  return [...crypto.getRandomValues(new Uint8Array(bytes))].map((b) => b.toString(16).padStart(2, "0")).join("");
}
