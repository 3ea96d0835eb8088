import type { Conversation } from "../state/conversation";
import { count } from "../state/count";
import { user } from "../state/identity";
import { ModelNote } from "./ModelNote";

const suggestions: [text: string, why: string][] = [
  ["What time is it?", "The agent calls a tool, and shows what it answered"],
  ["How many messages have I sent?", "Each message is counted, exactly once"],
  ["My name is Ada.", "Then ask “What is my name?”: the conversation is remembered"],
];

/** What an empty chat offers. */
export function EmptyChat({ conversation }: { conversation: Conversation }) {
  return (
    <section class="empty" aria-label="Begin">
      <h2>{count.value ? `Welcome back, ${user}` : "What would you like to know?"}</h2>
      <ul class="suggestions">
        {suggestions.map(([text, why]) => (
          <li key={text}>
            <button onClick={() => void conversation.send(text)}>
              <b>{text}</b>
              <span class="muted small">{why}</span>
            </button>
          </li>
        ))}
      </ul>
      <ModelNote />
    </section>
  );
}
