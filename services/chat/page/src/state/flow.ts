// What the panel "Flow" knows of the events that pass through the suite. It is asked for only
// while somebody can see it.
import { computed, effect, signal, untracked } from "@preact/signals";
import { watch, type Overview, type Passing } from "../api/flow";
import { ApiError } from "../api/http";
import { noteCount } from "./count";
import { refreshHealth } from "./health";
import { began, instant } from "./hops";
import { user } from "./identity";
import { flowShown } from "./layout";
import { soon } from "./pace";
import { loadHere, saveHere } from "./storage";

export const most = 60; // events that are kept

/** The last events, newest first; null until they are known. */
export const events = signal<Passing[] | null>(null);

/** What is known besides the events; null until it is. */
export const overview = signal<Overview | null>(null);

/** Why nothing new comes, or null. */
export const flowFailure = signal<ApiError | null>(null);

/** Keys of the events of which something has just been heard. */
export const fresh = signal<ReadonlySet<string>>(new Set());

/** The operator's token that this tab has; empty if it has none. */
export const token = signal("");

export const loadToken = (): void => void (token.value = loadHere("operator-token"));

/** Why the service did not take the token that was typed last, or nothing. */
export const tokenFailure = signal("");

/** The key of the event that was chosen to be followed, and of the one that is pointed at. */
export const chosen = signal("");
export const pointed = signal("");

/** The event that the path shows, if one is chosen or pointed at. */
export const followed = computed(() => {
  const key = pointed.value || chosen.value;
  return key ? (events.value?.find((event) => event.key === key) ?? null) : null;
});

let clockAhead = 0;

/** The time by the clock of the service, in ms. */
export const serviceNow = (): number => Date.now() + clockAhead;

/** Takes an operator's token, which is tried at once; an empty one is forgotten. */
export function setToken(value: string): void {
  saveHere("operator-token", value);
  tokenFailure.value = "";
  token.value = value;
}

type Listener = (event: Passing, live: boolean) => void;
const listeners = new Set<Listener>();

/** Calls back for each event of which something is heard; live: it has just happened. */
export function onPassing(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const visible = signal(document.visibilityState === "visible");

/** Follows the activity from now on, whenever the panel can be seen. */
export function watchFlow(): void {
  addEventListener("visibilitychange", () => (visible.value = document.visibilityState === "visible"));
}

effect(() => {
  void user.value;
  events.value = overview.value = null;
  chosen.value = pointed.value = "";
});

effect(() => {
  if (!visible.value || !flowShown.value) return undefined;
  const stop = new AbortController();
  const [id, bearer] = [user.value, token.value];
  untracked(() => void follow(id, bearer, stop.signal));
  return () => stop.abort();
});

async function follow(id: string, bearer: string, signal: AbortSignal): Promise<void> {
  const heard = new Map<string, Passing>(); // since the last drawing
  const take = () => {
    if (signal.aborted || !heard.size) return;
    const news = [...heard.values()];
    heard.clear();
    merge(news);
    shine(news.map(({ key }) => key));
  };
  try {
    await watch(id, bearer, {
      signal,
      connected: (ahead) => (clockAhead = Math.abs(ahead) < 2000 ? 0 : ahead),
      snapshot: ({ events: all, ...rest }) => {
        heard.clear();
        flowFailure.value = null;
        events.value = ordered(all);
        overview.value = rest;
        for (const event of all) tell(event, false);
      },
      event: (event) => {
        if (!heard.size) soon(take);
        heard.set(event.key, event);
        if (event.user_id === id && event.stage === "counted") noteCount(event.count);
        tell(event, true);
      },
      update: (rest) => {
        if (rest.analytics !== overview.value?.analytics) void refreshHealth();
        overview.value = rest;
      },
      lost: (error) => (flowFailure.value = error),
    });
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof ApiError && error.status === 401 && bearer) {
      setToken("");
      tokenFailure.value = error.detail || "The service does not take this token.";
      return;
    }
    flowFailure.value = error instanceof ApiError ? error : new ApiError(0, String(error));
  }
}

const tell = (event: Passing, live: boolean) => listeners.forEach((listener) => listener(event, live));

function merge(news: Passing[]): void {
  const all = new Map(events.value?.map((event) => [event.key, event]));
  for (const event of news) all.set(event.key, event);
  events.value = ordered([...all.values()]);
}

const ordered = (all: Passing[]): Passing[] => all.sort((a, b) => instant(began(b)) - instant(began(a))).slice(0, most);

const shineFor = 1500; // ms

function shine(keys: string[]): void {
  fresh.value = new Set([...fresh.value, ...keys]);
  setTimeout(() => {
    const rest = new Set(fresh.value);
    for (const key of keys) rest.delete(key);
    fresh.value = rest;
  }, shineFor);
}
