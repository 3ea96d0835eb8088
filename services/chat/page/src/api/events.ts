// Server-sent events, as the service streams them.
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { ApiError } from "./http";

const silence = 25_000; // ms without as much as a comment, which comes every 10 s

/** Hands on the events of an answer until take returns false or the stream ends. Silence is a failure. */
export async function readEvents(response: Response, take: (event: EventSourceMessage) => boolean): Promise<void> {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let more = true;
  const parser = createParser({
    onEvent: (event) => {
      if (more) more = take(event);
    },
  });
  try {
    while (more) {
      const { done, value } = await within(silence, reader.read());
      if (done) return;
      parser.feed(value);
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}

/** Waits, but not after the network is back. It fails once the signal is aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener("online", done);
    signal.addEventListener("abort", done);
  });
}

function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer = 0;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ApiError(0, "")), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
