import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Conversation } from "../state/conversation";
import { painted, sidebarOpen } from "../state/layout";
import { conversation } from "../state/shown";
import { Composer } from "./Composer";
import { EmptyChat } from "./EmptyChat";
import { Icon } from "./Icon";
import { ProblemNote } from "./ProblemNote";
import { followEnd, type EndFollower } from "./scroll";
import { TurnView } from "./TurnView";

const drawn = 50; // turns that are drawn at first, and added with each wish for more

/** The conversation that is shown, and the field for messages. */
export function Chat() {
  const one = conversation.value;
  const scroller = useRef<HTMLDivElement>(null);
  const follower = useRef<EndFollower | null>(null);
  const away = useSignal(false);

  useEffect(() => {
    if (!scroller.current) return undefined;
    follower.current = followEnd(scroller.current, (isAway) => (away.value = isAway));
    return () => follower.current?.end();
  }, []);
  useEffect(() => follower.current?.toEnd(), [one, one.turns.value.at(-1)]);

  return (
    <main class="chat" inert={sidebarOpen.value}>
      <div class="scroller" ref={scroller} tabIndex={-1}>
        <div class="reading">{painted.value && <Content conversation={one} key={one} />}</div>
      </div>
      <div class="bottom">
        {away.value && (
          <button class="to-end" onClick={() => follower.current?.toEnd()}><Icon name="down" /> To the newest</button>
        )}
        <Composer conversation={one} />
      </div>
    </main>
  );
}

function Content({ conversation }: { conversation: Conversation }) {
  const limit = useSignal(drawn);
  const turns = conversation.turns.value;
  const failure = conversation.failure.value;
  if (failure) return <ProblemNote error={failure} retry={() => void conversation.load()} />;
  if (conversation.loading.value && !turns.length) return <p class="loading">Opening the conversation…</p>;
  if (!turns.length && conversation.session.value) return <p class="loading">This conversation has no messages. Write one, or begin a new conversation.</p>;
  if (!turns.length) return <EmptyChat conversation={conversation} />;
  const first = Math.max(0, turns.length - limit.value);
  return (
    <>
      {first > 0 && (
        <button class="plain earlier" onClick={() => (limit.value += drawn)}>Show earlier messages ({first})</button>
      )}
      {first === 0 && conversation.dropped.value > 0 && (
        <p class="note">{conversation.dropped.value} older turns are gone: the conversation became too long to be kept whole.</p>
      )}
      <ol class="turns" aria-label="Messages">
        {turns.slice(first).map((turn) => (
          <TurnView key={turn.key} turn={turn} conversation={conversation} isLast={turn === turns.at(-1)} />
        ))}
      </ol>
    </>
  );
}
