// Which conversation the tab shows is part of its address, so that a reload, a link and
// the back button lead to it: #/c/SESSION, or nothing for a new one.
import { signal } from "@preact/signals";

const start = "#/c/";

const read = (): string => {
  if (!location.hash.startsWith(start)) return "";
  try {
    return decodeURIComponent(location.hash.slice(start.length));
  } catch {
    return "";
  }
};

/** The session id in the address; empty: a new conversation. */
export const shown = signal(read());

addEventListener("hashchange", () => (shown.value = read()));

/** Shows a conversation. With replace, the back button skips what was shown before. */
export function show(session: string, replace = false): void {
  const url = session ? start + encodeURIComponent(session) : location.pathname + location.search;
  if (replace) history.replaceState(null, "", url);
  else if (session !== shown.value) history.pushState(null, "", url);
  shown.value = session;
}

addEventListener("popstate", () => (shown.value = read()));
