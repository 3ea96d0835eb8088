import { computed, signal } from "@preact/signals";
import { Fragment } from "preact";
import { useEffect } from "preact/hooks";
import type { Passing, Stage } from "../../api/flow";
import { chosen, events, fresh, overview, pointed, serviceNow } from "../../state/flow";
import { inDigits, timeOfDay } from "../../state/formats";
import { began, hops, instant, inWords } from "../../state/hops";
import { Story } from "./Story";

const few = 8; // rows that are shown at first

const whole = signal(false);

/** The keys of the rows while somebody reads them: they stay where they are. */
const held = signal<string[] | null>(null);

const rows = computed(() => {
  const all = events.value ?? [];
  if (!held.value) {
    const shown = all.slice(0, whole.value ? all.length : few);
    const other = all.find(({ key }) => key === chosen.value);
    return other && !shown.includes(other) ? [...shown, other] : shown; // the chosen one stays in sight
  }
  const byKey = new Map(all.map((event) => [event.key, event]));
  return held.value.flatMap((key) => byKey.get(key) ?? []);
});

/** The time, in seconds; it goes on while something waits. */
const now = signal(0);

/** The last events with the time of each hop. */
export function EventTable() {
  const all = events.value;
  const waits = !!all?.some(({ stage }) => stage === "spooled");
  useEffect(() => {
    if (!waits) return undefined;
    const timer = setInterval(() => now.value++, 1000);
    return () => clearInterval(timer);
  }, [waits]);
  if (!all?.length) return null;
  const hold = () => (held.value ??= rows.peek().map(({ key }) => key));
  const release = () => {
    pointed.value = "";
    held.value = null;
  };
  const operator = overview.value?.operator ?? true;
  const more = all.length - few;
  const missed = held.value ? all.findIndex(({ key }) => key === held.value?.[0]) : 0;
  return (
    <section class="flow-part" aria-labelledby="events-title">
      <h2 id="events-title">
        Last events {missed > 0 && <small>{missed} newer, held while you read</small>}
      </h2>
      <div class="box table">
        <table class="events">
          <thead>
            <tr>
              <th scope="col">user</th>
              <th scope="col" title="From the message to the end of the answer">chat</th>
              <th scope="col" title="From the answer to the delivery to analytics">broker</th>
              <th scope="col" title="In analytics, and in the store"><span class="both">analytics + store</span><span class="sum">counting</span></th>
              <th scope="col" title="The user's count after the event">count</th>
            </tr>
          </thead>
          <tbody onPointerEnter={hold} onPointerLeave={release} onFocusIn={hold}
            onFocusOut={(event) => !event.currentTarget.contains(event.relatedTarget as Node | null) && release()}
            onKeyDown={step}>
            {rows.value.map((event, n) => <Row key={event.key} event={event} reachable={chosen.value && rows.value.some(({ key }) => key === chosen.value) ? event.key === chosen.value : n === 0} />)}
          </tbody>
        </table>
      </div>
      {(more > 0 || !operator) && (
        <div class="row under">
          {!operator && <p class="muted small grow">These are your own events. An operator sees those of all users.</p>}
          {more > 0 && <button class="quiet action" onClick={() => (whole.value = !whole.value)}>{whole.value ? "Show fewer" : `Show ${more} more`}</button>}
        </div>
      )}
    </section>
  );
}

/** Moves the focus with the arrow keys. */
function step(event: KeyboardEvent): void {
  if (event.altKey || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
  const all = [...(event.currentTarget as Element).querySelectorAll("button")];
  const at = all.indexOf(event.target as HTMLButtonElement);
  event.preventDefault();
  all[at + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
}

function Row({ event, reachable }: { event: Passing; reachable: boolean }) {
  const { key, user_id, stage } = event;
  const times = hops(event);
  const isChosen = chosen.value === key;
  const point = () => (pointed.value = key);
  const choose = () => (chosen.value = isChosen ? "" : key);
  const kind = [isChosen && "chosen", fresh.value.has(key) && "fresh", pointed.value === key && "pointed"].filter(Boolean).join(" ");
  return (
    <Fragment>
    <tr class={kind} onPointerEnter={point} onFocusIn={point}>
      <th scope="row">
        <button aria-expanded={isChosen} tabIndex={reachable ? 0 : -1} onClick={choose} title={`${user_id} at ${timeOfDay(new Date(began(event)))}`}>{user_id || <em>unknown</em>}</button>
      </th>
      {stage === "answering" || stage === "failed" ? (
        <td colSpan={4}><Outcome stage={stage} /></td>
      ) : (
        <>
          <td>{say(times.chat)}</td>
          <Broker event={event} took={times.broker} />
          {stage === "counted" || stage === "published" || stage === "spooled" ? (
            <>
              <td>{times.analytics === undefined ? waiting(event) : <Counting analytics={times.analytics} store={times.store} />}</td>
              <td><b>{event.count === undefined ? "" : inDigits(event.count)}</b></td>
            </>
          ) : (
            <td colSpan={2}><Outcome stage={stage} /></td>
          )}
        </>
      )}
    </tr>
    {isChosen && <tr class="detail chosen"><td colSpan={5}><Story event={event} /></td></tr>}
    </Fragment>
  );
}

function Outcome({ stage }: { stage: Stage }) {
  switch (stage) {
    case "answering":
      return <em>answering…</em>;
    case "failed":
      return <em class="bad">not answered</em>;
    case "dead letter":
      return <em class="bad">dead letter</em>;
    case "duplicate":
      return <em>a copy</em>;
    default:
      return <em>{stage}</em>;
  }
}

/** The time in analytics and in the store, or their sum where there is no room for both. */
function Counting({ analytics, store }: { analytics: number; store: number | undefined }) {
  const sum = say(analytics + (store ?? 0));
  if (store === undefined || !sum.endsWith(" ms")) return <>{sum}</>;
  return <><span class="both">{say(analytics).replace(" ms", "")} <small>+ {say(store)}</small></span><span class="sum">{sum}</span></>;
}

function Broker({ event, took }: { event: Passing; took: number | undefined }) {
  void now.value;
  if (event.stage === "spooled") {
    const since = event.answered_at ? ` ${inWords(Math.max(0, Math.round((serviceNow() - instant(event.answered_at)) / 1000) * 1000) || 1000)}` : "";
    return <td><em class="late">waits{since}</em></td>;
  }
  return <td class={event.spooled ? "late" : ""} title={event.spooled ? "It waited on disk first" : undefined}>{say(took)}</td>;
}

const waiting = ({ stage }: Passing): string => (stage === "published" ? "…" : "");

const say = (ms: number | undefined): string => (ms === undefined ? "" : inWords(ms));
