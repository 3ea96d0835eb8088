import type { ComponentChildren } from "preact";
import { overview } from "../../state/flow";
import type { Place } from "../../state/hops";
import { user } from "../../state/identity";
import { Icon } from "../Icon";

/** What a place does, and where to find it. */
export function Explained({ place, close }: { place: Place; close: () => void }) {
  const { title, what, facts } = told(place);
  return (
    <div class="card-like">
      <p class="told-title">
        <b>{title}</b>
        <button class="quiet square close" aria-label="Close the explanation" onClick={close}><Icon name="close" /></button>
      </p>
      <p>{what}</p>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}><dt>{name}</dt><dd>{value}</dd></div>
        ))}
      </dl>
    </div>
  );
}

interface Told {
  title: string;
  what: string;
  facts: [name: string, value: ComponentChildren][];
}

function told(place: Place): Told {
  switch (place) {
    case "browser":
      return {
        title: "Your browser",
        what: "It sends a message, and reads the answer while it is made. If the connection breaks, it goes on where it was. The same message sent twice is one message: its key tells.",
        facts: [
          ["sends", <code>POST /chat/stream</code>],
          ["with the header", <code>Idempotency-Key</code>],
          ["sees this flow by", <code>GET /activity</code>],
        ],
      };
    case "chat":
      return {
        title: "The chat service",
        what: "It asks analytics how many messages you have sent, and lets the agent answer with that in mind: the model, its tools, the model again. Then it publishes an event. The answer is complete only when the broker has the event, or when it is safe on disk.",
        facts: [
          ["app", <code>chat-service</code>],
          ["talks to the others", "only through its Dapr sidecar"],
          ["publishes", <><code>MessageSent</code> to the topic <code>messages</code></>],
          ["waiting on disk", overview.value ? (overview.value.waiting || "nothing") : "not known"],
        ],
      };
    case "broker":
      return {
        title: "The message broker",
        what: "It keeps each event until analytics has taken it, and delivers it again if analytics was away or stopped halfway. So chat does not wait for the counting, and nothing is lost.",
        facts: [
          ["Dapr component", <code>pubsub</code>],
          ["topics", <><code>messages</code>, <code>users</code></>],
          ["delivers to", <><code>POST /messages</code>, many at a time</>],
        ],
      };
    case "analytics":
      return {
        title: "The analytics service",
        what: "It counts each event once, however often it comes: it remembers the ids of those that it has counted. What it can never count it keeps as a dead letter, for an operator to look at.",
        facts: [
          ["app", <code>analytics-service</code>],
          ["takes", <code>POST /messages</code>],
          ["tells the count by", <code>GET /analytics/{encodeURIComponent(user.value)}</code>],
        ],
      };
    case "store":
      return {
        title: "The state store",
        what: "It has one document for each user, with the count and the ids of what is counted. Both are written at once, and only if nobody else has written meanwhile. So two replicas can count at the same time, and no event counts twice.",
        facts: [
          ["Dapr component", <code>statestore</code>],
          ["document", <code>{user.value}</code>],
          ["written by", <>compare-and-swap, with its <code>ETag</code></>],
        ],
      };
  }
}
