import type { Passing } from "../../api/flow";
import { overview, serviceNow } from "../../state/flow";
import { inDigits, timeOfDay } from "../../state/formats";
import { began, hops, instant, inWords, toCount } from "../../state/hops";

/** What has happened to an event so far, in sentences. */
export function Story({ event }: { event: Passing }) {
  const at = began(event);
  const total = toCount(event);
  return (
    <div class="story">
      <p>{sentences(event).join(" ")}</p>
      <p class="muted small">
        {at && <time dateTime={at}>{timeOfDay(new Date(at))}</time>}
        {total !== undefined && ` · counted ${inWords(total)} after the answer`}
      </p>
      {event.id && <p class="muted small">{event.type} <code>{event.id}</code></p>}
    </div>
  );
}

function sentences(event: Passing): string[] {
  const { chat, broker, analytics, store } = hops(event);
  const answered = chat === undefined ? [] : [`The agent answered after ${inWords(chat)}.`];
  const way =
    broker === undefined || !event.delivered_at
      ? []
      : [
          event.spooled
            ? `The broker was away, so the event waited on disk. It reached analytics ${inWords(broker)} after the answer.`
            : `The event took ${inWords(broker)} through the broker.`,
        ];
  switch (event.stage) {
    case "answering":
      return ["The agent is answering. The event is published when the answer is there, and not before."];
    case "failed":
      return [`The agent did not answer${event.reason ? ` (${event.reason})` : ""}, so no event was published, and nothing counts.`];
    case "spooled": {
      const since = event.answered_at ? ` for ${inWords(serviceNow() - instant(event.answered_at))}` : "";
      return [...answered, `The broker did not take the event, so it waits on the disk of the chat service${since}. It is published when the broker is back.`];
    }
    case "published":
      return [
        ...answered,
        overview.value?.analytics === "away"
          ? "The event waits in the broker until analytics is back."
          : "The event is in the broker, which delivers it to analytics.",
      ];
    case "duplicate":
      return [...way, "It is a copy of an event that is counted already: its id is known, so it changed nothing."];
    case "dead letter":
      return [...way, `It can never be counted: ${event.reason || "analytics cannot read it"}. Analytics keeps it as a dead letter.`];
    case "registered":
      return [...way, "The user was registered, with a count of 0 unless there was one before."];
    case "counted":
      return [
        ...answered,
        ...way,
        `Analytics counted it as message ${event.count === undefined ? "" : inDigits(event.count)}`.trim() +
          (analytics === undefined ? "." : `, which took ${inWords(analytics)}`) +
          (analytics !== undefined && store !== undefined ? ` and ${inWords(store)} in the store.` : analytics === undefined ? "" : "."),
      ];
  }
}
