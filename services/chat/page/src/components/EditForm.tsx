import { useSignal } from "@preact/signals";
import { config } from "../state/config";
import type { Conversation } from "../state/conversation";
import { editing } from "../state/editing";
import type { Turn } from "../state/turn";
import { focusComposer } from "./keyboard";

/** An earlier message while it is edited. */
export function EditForm({ turn, conversation }: { turn: Turn; conversation: Conversation }) {
  const text = useSignal(turn.text);
  const replaces = config.value?.replaces ?? false;
  const failed = turn.state.value === "failed";
  const close = () => {
    editing.value = null;
    focusComposer();
  };
  const send = () => {
    if (!text.value.trim()) return;
    close();
    if (failed) conversation.putBack(turn);
    const before = failed ? turn.replaced[0] : turn;
    void conversation.send(text.value, replaces ? before : undefined);
  };
  return (
    <form class="edit" onSubmit={(event) => (event.preventDefault(), send())}>
      <textarea aria-label="Edit your message" value={text} ref={focusAtEnd}
        onInput={(event) => (text.value = event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") {
            event.stopPropagation();
            event.preventDefault();
            close();
          } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
            event.preventDefault();
            send();
          }
        }} />
      <div class="row">
        <span class="muted small grow">
          {failed ? "" : replaces ? "Comes in the place of this turn and what follows it." : "Is sent as a new message."}
        </span>
        <button type="button" class="plain" onClick={close}>Cancel</button>
        <button class="primary" disabled={!text.value.trim()}>Send</button>
      </div>
    </form>
  );
}

function focusAtEnd(field: HTMLTextAreaElement | null): void {
  if (!field || document.activeElement === field) return;
  field.focus();
  field.setSelectionRange(field.value.length, field.value.length);
}
