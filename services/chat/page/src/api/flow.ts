// What happens in the suite, as the chat service streams it, and what an operator does about
// dead letters.
import { pause, readEvents } from "./events";
import { ApiError, request } from "./http";

export type Stage = "answering" | "published" | "spooled" | "counted" | "duplicate" | "dead letter" | "registered" | "failed";

/** An event on its way. Times are RFC 3339 with microseconds; what is absent is not known. */
export interface Passing {
  key: string;
  id?: string;
  type: string;
  user_id: string;
  stage: Stage;
  received_at?: string;
  answered_at?: string;
  published_at?: string;
  /** Whether it has waited on disk, because the broker did not take it. */
  spooled?: boolean;
  delivered_at?: string;
  counted_at?: string;
  /** How long the store took for the commit that the event was part of. */
  stored_ms?: number;
  count?: number;
  reason?: string;
}

export interface Letter {
  id: string;
  topic: string;
  type?: string;
  user_id?: string;
  reason: string;
  received_at: string;
}

/** How the suite is, besides the events. */
export interface Overview {
  /** Whether the viewer sees the events of all users, and the dead letters. */
  operator: boolean;
  minutes: { minute: string; counted: number }[];
  users: { user_id: string; count: number; at: string }[];
  /** null: the viewer may not see them, or they are not known. */
  dead_letters: { total: number; letters: Letter[] } | null;
  /** How many events wait on disk. */
  waiting: number;
  analytics: "ok" | "away";
}

export interface Watcher {
  snapshot: (all: Overview & { events: Passing[] }) => void;
  event: (event: Passing) => void;
  update: (overview: Overview) => void;
  /** Called with the service's clock, as far as it differs from the browser's, in ms. */
  connected: (clockAhead: number) => void;
  lost: (error: ApiError) => void;
  signal: AbortSignal;
}

const pauses = [500, 1000, 2000, 4000, 8000]; // ms before the next try

/** Follows the activity until the signal is aborted. It fails if another try would not help. */
export async function watch(user: string, token: string, watcher: Watcher): Promise<void> {
  for (let failures = 0; ; failures++) {
    let lost = new ApiError(0, "");
    try {
      const query = new URLSearchParams({ user_id: user });
      const headers = { Accept: "text/event-stream", ...bearer(token) };
      const response = await request(`activity?${query}`, { headers, signal: watcher.signal });
      const date = Date.parse(response.headers.get("Date") ?? "");
      watcher.connected(Number.isNaN(date) ? 0 : date - Date.now());
      await readEvents(response, ({ event, data }) => {
        failures = 0;
        if (event === "snapshot" || event === "event" || event === "update") watcher[event](JSON.parse(data));
        return true;
      });
    } catch (error) {
      if (watcher.signal.aborted) throw error;
      if (error instanceof ApiError) lost = error;
      if (lost.status >= 400 && lost.status < 500 && lost.status !== 429) throw lost;
    }
    watcher.lost(lost);
    await pause(Math.max(lost.retryAfter * 1000, pauses[Math.min(failures, pauses.length - 1)] ?? 0), watcher.signal);
  }
}

/** Publishes the event of a dead letter once more. */
export async function replayLetter(id: string, token: string): Promise<void> {
  await request(`deadletters/${encodeURIComponent(id)}/replay`, { method: "POST", headers: bearer(token) });
}

export async function deleteLetter(id: string, token: string): Promise<void> {
  await request(`deadletters/${encodeURIComponent(id)}`, { method: "DELETE", headers: bearer(token) });
}

const bearer = (token: string): Record<string, string> => (token ? { Authorization: `Bearer ${token}` } : {});
