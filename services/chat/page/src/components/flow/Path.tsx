import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Passing } from "../../api/flow";
import { events, followed, onPassing, overview } from "../../state/flow";
import { timeOfDay } from "../../state/formats";
import { health } from "../../state/health";
import { began, hops, inWords, medians, places, reach, toCount, type Place } from "../../state/hops";
import { user } from "../../state/identity";
import { Icon } from "../Icon";
import { focusComposer } from "../keyboard";
import { Dots } from "./dots";
import { Explained } from "./Explained";

/** The place that is explained, if one is. */
export const explained = signal<Place | null>(null);

const taken = 20; // last events of which the medians are

/** The places that each message passes, and the events that are on their way between them. */
export function Path() {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!element.current) return undefined;
    const dots = new Dots(element.current);
    for (const event of events.peek() ?? []) dots.take(event, false);
    const off = onPassing((event, live) => dots.take(event, live));
    return () => (off(), dots.end());
  }, []);
  const event = followed.value;
  const last = (events.value ?? []).filter(({ stage }) => stage === "counted").slice(0, taken);
  const times = event ? hops(event) : medians(last);
  const far = event ? reach(event) : -1;
  const stuck = event?.stage === "spooled";
  return (
    <>
      <h2 id="flow-title">Flow <small>how a message gets counted</small></h2>
      <div class="stays">
        <div class="path">
          <div class="wires" ref={element} aria-hidden="true">
            <svg>
              <line x1="10%" x2="90%" y1="50%" y2="50%" />
              {far > 0 && <line class={`far ${tone(event)}`} x1="10%" x2={`${10 + 20 * far}%`} y1="50%" y2="50%" />}
              {stuck && <line class="stuck" x1="30%" x2="40%" y1="50%" y2="50%" />}
            </svg>
          </div>
          <ol aria-labelledby="flow-title">
            {places.map((place, n) => (
              <li key={place} data-place={place} class={`${failing(place) ? "failing" : ""} ${n <= far ? `on ${n === far ? tone(event) : ""}` : ""}`}>
                <button aria-expanded={explained.value === place} aria-controls="flow-told" onClick={() => explain(place)}>
                  <span class="tile"><Icon name={place} /></span>
                  <span class="place">{place}</span>
                  <span class="took">{failing(place) ? "away" : took(times[place], event, n)}</span>
                </button>
                {place === "chat" && !!overview.value?.waiting && <b class="badge" title="Events that wait on disk">{short(overview.value.waiting)}</b>}
              </li>
            ))}
          </ol>
        </div>
      </div>
      <div id="flow-told" class="told">
        {explained.value ? <Explained place={explained.value} close={close} /> : <Hint event={event} seen={last.length} />}
      </div>
    </>
  );
}

function explain(place: Place): void {
  explained.value = explained.value === place ? null : place;
}

function close(): void {
  const back = explained.value; // the button that was pressed goes
  explained.value = null;
  document.querySelector<HTMLElement>(`[data-place="${back}"] button`)?.focus();
}

const tone = (event: Passing | null): string =>
  event?.stage === "dead letter" || event?.stage === "failed" ? "bad" : event?.stage === "spooled" ? "late" : "";

function took(ms: number | undefined, event: Passing | null, place: number): string {
  if (ms !== undefined) return inWords(ms);
  return event && place > 0 && place === reach(event) && /answering|published/.test(event.stage) ? "…" : "\u00a0";
}

const short = (n: number): string => (n > 999 ? `${Math.floor(n / 1000)}k` : String(n));

const checks: Record<Place, RegExp> = {
  browser: /^$/,
  chat: /^$/,
  broker: /broker/i,
  analytics: /analytics/i,
  store: /^state store/i,
};

/** Whether a place is known not to work. */
function failing(place: Place): boolean {
  if (place === "chat") return health.value.state === "away";
  if (place === "analytics" && overview.value?.analytics === "away") return true;
  return health.value.checks.some(({ name, ok }) => !ok && checks[place].test(name));
}

function inShort(event: Passing): string {
  const total = toCount(event);
  switch (event.stage) {
    case "answering":
      return "It is being answered.";
    case "failed":
      return "It was not answered, so it does not count.";
    case "spooled":
      return "It waits on disk until the broker is back.";
    case "published":
      return "It is on its way to analytics.";
    case "duplicate":
      return "It is a copy, and changed nothing.";
    case "dead letter":
      return "It can never be counted.";
    case "registered":
      return "It made the user known.";
    default:
      return total === undefined ? "It is counted." : `It was counted ${inWords(total)} after the answer.`;
  }
}

/** What to do with the drawing. */
function Hint({ event, seen }: { event: Passing | null; seen: number }) {
  if (!events.value) return <p class="muted small">Looking at what happens…</p>;
  if (!events.value.length) {
    return (
      <div class="hint-empty">
        <p>No events yet. Write a message as <b>{user}</b>, and watch it pass from here to the store.</p>
        <button class="plain" onClick={focusComposer}>Write a message</button>
      </div>
    );
  }
  if (event) {
    return (
      <div class="muted small">
        <p class="one-line">The event of {timeOfDay(new Date(began(event)))} from <b>{event.user_id || "an unknown user"}</b></p>
        <p>{inShort(event)}</p>
      </div>
    );
  }
  const of = seen > 1 ? `Medians of the last ${seen} messages. ` : "";
  return <p class="muted small">{of}Choose a place or an event to learn more.</p>;
}
