// An answer in progress is a run, which belongs to the server: the page starts one, and
// follows it, as often as the connection is lost.
import { pause, readEvents } from "./events";
import { ApiError, jsonBody, request } from "./http";

export interface Message {
  user: string;
  /** Empty for a new conversation. */
  session: string;
  text: string;
  /** Requests with the same key are the same message. */
  key: string;
  /** The turn in the place of which this one comes, or nothing. */
  replaces?: string | undefined;
}

export interface Answer {
  reply: string;
  metadata: { timestamp: string; session_id: string; history?: string; kept?: boolean };
  usage?: { prompt_tokens: number; completion_tokens: number; total_tokens: number };
}

export type RunEvent =
  | { type: "run"; run_id: string; session_id: string }
  | { type: "token"; text: string }
  | { type: "reset" }
  | { type: "tool_call"; id: string; name: string; arguments: unknown }
  | { type: "tool_result"; id: string; name: string; result: string; duration_ms: number }
  | ({ type: "message" } & Answer)
  | { type: "stopped"; reply: string }
  | { type: "error"; status: number; detail: unknown };

const last = new Set(["message", "stopped", "error"]);

export type Connection = "connected" | "lost";

export interface Follower {
  event: (event: RunEvent) => void;
  connection: (state: Connection) => void;
  signal: AbortSignal;
}

/** Sends a message, and follows the run that answers it until its last event. */
export async function answer(message: Message, follower: Follower): Promise<void> {
  const body = {
    user_id: message.user,
    text: message.text,
    ...(message.session ? { metadata: { session_id: message.session } } : {}),
    ...(message.replaces ? { replaces: message.replaces } : {}),
  };
  const init = jsonBody("POST", body, { "Idempotency-Key": message.key, Accept: "text/event-stream" });
  const answered = await request("chat/stream", { ...init, signal: follower.signal });
  await new Stream("", follower).follow(answered);
}

/** Follows a run from its beginning until its last event. It fails with a 404 if the run is gone. */
export async function resume(run: string, follower: Follower): Promise<void> {
  await new Stream(run, follower).follow();
}

/** Asks the server to stop a run. Its followers hear of it. */
export async function stop(run: string): Promise<void> {
  await request(`runs/${encodeURIComponent(run)}`, { method: "DELETE" });
}

const pauses = [200, 500, 1000, 2000, 4000]; // ms before the next try

class Stream {
  private cursor = "";
  private ended = false;

  constructor(private run: string, private readonly follower: Follower) {}

  async follow(first?: Response): Promise<void> {
    let response = first;
    for (let failures = 0; ; ) {
      try {
        response ??= await this.connect();
        this.follower.connection("connected");
        const seen = this.cursor;
        await this.read(response);
        if (this.ended) return;
        if (this.cursor !== seen) failures = 0;
      } catch (error) {
        if (this.follower.signal.aborted) throw error;
        const permanent = error instanceof ApiError && error.status !== 0 && error.status < 500;
        if (permanent || !this.run) throw error;
      }
      response = undefined;
      if (!this.run) throw new ApiError(0, "");
      this.follower.connection("lost");
      await pause(pauses[Math.min(failures++, pauses.length - 1)] ?? 0, this.follower.signal);
    }
  }

  private connect(): Promise<Response> {
    const headers: Record<string, string> = { Accept: "text/event-stream" };
    if (this.cursor) headers["Last-Event-ID"] = this.cursor;
    return request(`runs/${encodeURIComponent(this.run)}/events`, { headers, signal: this.follower.signal });
  }

  /** Reads events until the last one, or until the connection ends. */
  private read(response: Response): Promise<void> {
    return readEvents(response, ({ event = "", data, id }) => {
      if (id) this.cursor = id;
      const parsed = { ...JSON.parse(data), type: event } as RunEvent;
      if (parsed.type === "run") this.run = parsed.run_id;
      this.ended ||= last.has(event);
      this.follower.event(parsed);
      return !this.ended;
    });
  }
}
