import { useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { Conversation } from "../state/conversation";
import { draft, saveDraft } from "../state/draft";
import { editing } from "../state/editing";
import { Icon } from "./Icon";
import { ModelChip } from "./ModelNote";

/** Where messages are written. */
export function Composer({ conversation }: { conversation: Conversation }) {
  const field = useRef<HTMLTextAreaElement>(null);
  const running = conversation.running.value;
  useSignalEffect(() => {
    void draft.value;
    fit(field.current);
  });

  const send = () => {
    const text = draft.value;
    if (!text.trim() || running) return;
    saveDraft("");
    void conversation.send(text);
    field.current?.focus();
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === "ArrowUp" && !draft.value && !running) {
      const last = conversation.turns.value.at(-1);
      if (!last) return;
      event.preventDefault();
      editing.value = last;
    }
  };

  return (
    <form class="composer" onSubmit={(event) => (event.preventDefault(), send())}>
      <textarea id="message" ref={field} rows={1} placeholder="Message" aria-label="Message" autofocus
        aria-describedby="composer-hint" enterkeyhint="send" value={draft}
        onInput={(event) => saveDraft(event.currentTarget.value)} onKeyDown={onKeyDown} />
      <div class="row">
        <span id="composer-hint" class="muted small hint">
          {running ? "Esc stops the answer" : "Enter sends · Shift+Enter for a new line"}
        </span>
        <ModelChip />
        <span class="spring" />
        {running ? (
          <button type="button" class="primary" disabled={running.state.value === "stopping"} onClick={() => void conversation.stop()} aria-keyshortcuts="Escape">
            <Icon name="stop" /> {running.state.value === "stopping" ? "Stopping…" : "Stop"}
          </button>
        ) : (
          <button class="primary" disabled={!draft.value.trim()}><Icon name="send" /> Send</button>
        )}
      </div>
    </form>
  );
}

/** Makes the field as high as its text. */
function fit(field: HTMLTextAreaElement | null): void {
  if (!field || CSS.supports("field-sizing", "content")) return;
  requestAnimationFrame(() => {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  });
}
