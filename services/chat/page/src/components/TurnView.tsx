import { useSignal } from "@preact/signals";
import { config } from "../state/config";
import type { Conversation } from "../state/conversation";
import { editing } from "../state/editing";
import { day, hourAndMinute, timeOfDay } from "../state/formats";
import type { Turn } from "../state/turn";
import { CopyButton } from "./CopyButton";
import { EditForm } from "./EditForm";
import { Icon } from "./Icon";
import { MarkdownView } from "./MarkdownView";
import { memo } from "./memo";
import { ProblemNote } from "./ProblemNote";
import { ToolCallView } from "./ToolCallView";

interface Props {
  turn: Turn;
  conversation: Conversation;
  isLast: boolean;
}

/** What the user said, and under it what the agent said and did. */
export const TurnView = memo(({ turn, conversation, isLast }: Props) => (
  <li class={isLast ? "turn last" : "turn"}>
    <Said turn={turn} conversation={conversation} />
    <Answered turn={turn} conversation={conversation} isLast={isLast} />
  </li>
));

function Said({ turn, conversation }: Omit<Props, "isLast">) {
  if (editing.value === turn) return <EditForm turn={turn} conversation={conversation} />;
  return (
    <article class="said" aria-label="You">
      <div class="bubble">{turn.text}</div>
      <div class="actions">
        <CopyButton text={() => turn.text} what="your message" />
        {!conversation.running.value && (
          <button class="quiet action" onClick={() => (editing.value = turn)} aria-label="Edit your message">
            <Icon name="edit" /> Edit
          </button>
        )}
      </div>
    </article>
  );
}

function Answered({ turn, conversation, isLast }: Props) {
  const state = turn.state.value;
  const running = turn.isRunning;
  const parts = turn.parts.value;
  const tail = parts.at(-1);
  const nothingYet = running && (!tail || (tail.kind === "tool" && tail.call.result !== undefined));
  return (
    <article class="answered" aria-label="The agent" aria-busy={running}>
      {turn.shortened && <p class="note">This turn was too long to be kept whole.</p>}
      {parts.map((part, n) =>
        part.kind === "text" ? (
          <MarkdownView key={n} text={part.text} growing={running && n === parts.length - 1} />
        ) : (
          <ToolCallView key={n} call={part.call} stopped={!running} />
        ),
      )}
      {(nothingYet || state === "stopping") && <Thinking stopping={state === "stopping"} />}
      {running && turn.connection.value === "lost" && (
        <p class="note waiting">The connection is lost. The answer goes on, and the page picks it up by itself.</p>
      )}
      {state === "stopped" && <p class="note">You stopped this answer.</p>}
      {turn.failure.value && (
        <ProblemNote error={turn.failure.value} retry={isLast ? () => conversation.retry(turn) : undefined}>
          <button class="plain" onClick={() => (editing.value = turn)}>Edit the message</button>
          {turn.replaced.length > 0 && (
            <button class="plain" onClick={() => conversation.putBack(turn)}>Keep the earlier answer</button>
          )}
        </ProblemNote>
      )}
      <Notes turn={turn} />
      {!running && state !== "failed" && <Actions turn={turn} conversation={conversation} isLast={isLast} />}
    </article>
  );
}

function Thinking({ stopping }: { stopping: boolean }) {
  return (
    <p class="thinking">
      <span class="dots" aria-hidden="true"><i /><i /><i /></span>
      {stopping ? "Stopping…" : "Thinking…"}
    </p>
  );
}

/** What the service says about how the answer came about. */
function Notes({ turn }: { turn: Turn }) {
  const metadata = turn.answer.value?.metadata;
  return (
    <>
      {metadata?.history === "shortened" && <p class="note">Only the newest part of this conversation was sent to the model.</p>}
      {metadata?.history === "unavailable" && <p class="note waiting">Answered without the earlier messages: the state store is away.</p>}
      {metadata?.kept === false && <p class="note waiting">This turn could not be stored. It will not be here after a reload.</p>}
    </>
  );
}

function Actions({ turn, conversation, isLast }: Props) {
  const details = useSignal(false);
  const usage = turn.answer.value?.usage;
  const canRegenerate = isLast && config.value?.replaces;
  return (
    <div class="actions">
      {turn.reply && <CopyButton text={() => turn.reply} what="the answer" />}
      {canRegenerate && (
        <button class="quiet action" onClick={() => void conversation.send(turn.text, turn)} title="Answers the same message again. It does not count again.">
          <Icon name="again" /> Regenerate
        </button>
      )}
      <button class="quiet action time" aria-expanded={details.value} onClick={() => (details.value = !details.value)}>
        <time dateTime={turn.time.toISOString()}>{hourAndMinute(turn.time)}</time>
      </button>
      {details.value && (
        <span class="muted small">
          {day(turn.time)} {turn.time.getFullYear()}, {timeOfDay(turn.time)}
          {usage?.total_tokens ? ` · ${usage.prompt_tokens} tokens in, ${usage.completion_tokens} out` : ""}
        </span>
      )}
    </div>
  );
}
