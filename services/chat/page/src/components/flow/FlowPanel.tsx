import { events, flowFailure, overview } from "../../state/flow";
import { flowShown, roomy, sidebarOpen } from "../../state/layout";
import { inDigits } from "../../state/formats";
import { problemOf } from "../../state/problems";
import { EventTable } from "./EventTable";
import { Letters } from "./Letters";
import { Path } from "./Path";
import { Rate } from "./Rate";
import { Services } from "./Services";
import { Users } from "./Users";

/** The events on their way through the suite, beside the chat or in its place. */
export function FlowPanel() {
  if (!flowShown.value) return null;
  const Landmark = roomy.value ? "aside" : "main"; // where the chat is hidden, there is no other main
  return (
    <Landmark id="flow" class="flow" tabIndex={-1} aria-label="Flow" inert={sidebarOpen.value}>
      <Path />
      <State />
      <Rate />
      <EventTable />
      <Users />
      <Letters />
      <Services />
    </Landmark>
  );
}

/** What keeps events from passing, if anything does. */
function State() {
  const failure = flowFailure.value;
  const { waiting = 0, analytics = "ok" } = overview.value ?? {};
  return (
    <>
      {failure && <p class="note waiting" role="note">{inWords()}</p>}
      {!failure && waiting > 0 && (
        <p class="note waiting" role="note">
          {waiting === 1 ? "1 event waits" : `${inDigits(waiting)} events wait`} on the disk of the chat service, because
          the broker did not take {waiting === 1 ? "it" : "them"}. Nothing is lost: each is published and counted as soon as the broker is back.
        </p>
      )}
      {!failure && analytics === "away" && (
        <p class="note waiting" role="note">
          Analytics does not answer. Events wait in the broker, and are counted when it is back.
        </p>
      )}
    </>
  );
}

function inWords(): string {
  const failure = flowFailure.value;
  const stale = events.value ? " What you see here is what was known before." : "";
  switch (failure?.status) {
    case 404:
    case 405:
      return "This chat service does not tell what happens in the suite. A newer version does.";
    case 503:
      return `${failure.detail || "Too many pages watch the flow."} The page tries again by itself.${stale}`;
    case 0:
      return `The chat service does not answer. The page tries again by itself.${stale}`;
    default:
      return failure ? `${problemOf(failure).what} ${failure.detail}${stale}` : "";
  }
}
