// How long an event was at each place on its way, and how that is said.
import type { Passing } from "../api/flow";

/** The places in the order in which a message passes them. */
export const places = ["browser", "chat", "broker", "analytics", "store"] as const;

export type Place = (typeof places)[number];

/** The ms at each place, as far as they are known. */
export type Hops = Partial<Record<Place, number>>;

/** How far an event has come, as an index of places. One that waits on disk is still at chat. */
export function reach({ stage }: Passing): number {
  switch (stage) {
    case "answering":
    case "failed":
    case "spooled":
      return 1;
    case "published":
      return 2;
    case "duplicate":
    case "dead letter":
      return 3;
    default:
      return 4;
  }
}

/**
 * The times of an event. The clocks of machines differ, so a hop between two of them may
 * come out as less than nothing: then it is 0.
 */
export function hops(event: Passing): Hops {
  const store = event.stored_ms;
  const counting = gap(event.delivered_at, event.counted_at);
  return known({
    chat: gap(event.received_at, event.answered_at),
    broker: gap(event.answered_at, event.delivered_at ?? event.published_at),
    analytics: counting === undefined ? undefined : Math.max(0, counting - (store ?? 0)),
    store: event.stage === "counted" || event.stage === "registered" ? store : undefined,
  });
}

/** The ms from the answer to the count. */
export const toCount = (event: Passing): number | undefined =>
  event.stage === "counted" ? gap(event.answered_at, event.counted_at) : undefined;

/** The median times of the events, each of those that have it. */
export function medians(events: Passing[]): Hops {
  const all = events.filter((event) => !event.spooled).map(hops);
  return known(Object.fromEntries(places.map((place) => [place, median(all.map((one) => one[place]))])));
}

export function median(values: (number | undefined)[]): number | undefined {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const above = sorted[half];
  return above === undefined || sorted.length % 2 ? above : (sorted[half - 1]! + above) / 2;
}

/** When the way of an event began, as far as is known. */
export const began = (event: Passing): string => event.received_at ?? event.answered_at ?? event.counted_at ?? "";

const known = (all: Record<string, number | undefined>): Hops =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));

function gap(from: string | undefined, to: string | undefined): number | undefined {
  return from && to ? Math.max(0, instant(to) - instant(from)) : undefined;
}

/** The ms of a time since 1970, with the microseconds that Date.parse leaves out; 0 if there is none. */
export function instant(time: string): number {
  return (Date.parse(time) || 0) + Number(`0.${/\.\d{3}(\d+)/.exec(time)?.[1] ?? 0}`);
}

/** A time in as many digits as somebody wants to read. */
export function inWords(ms: number): string {
  if (ms < 0.05) return "< 0.1 ms";
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 99_500) return `${Math.round(ms / 1000)} s`;
  return ms < 5_970_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}
