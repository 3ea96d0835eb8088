// Which conversation is shown. Those that are being answered go on behind it.
import { effect, signal, untracked } from "@preact/signals";
import { Conversation } from "./conversation";
import { user } from "./identity";
import { whenPainted } from "./layout";
import { isRecord, isRecordOf, loadRecord } from "./records";
import { show, shown } from "./route";
import { refreshSessions, remove } from "./sessions";
import { onChange } from "./storage";

const open = new Map<string, Conversation>();

export const conversation = signal<Conversation>(make(""));

function make(session: string): Conversation {
  return new Conversation(user.peek(), session, named);
}

/** The first message of a conversation has given it its id. */
function named(one: Conversation): void {
  open.set(one.session.value, one);
  if (conversation.value === one) show(one.session.value, true);
}

effect(() => {
  const session = shown.value;
  const id = user.value;
  untracked(() => select(session, id));
});

function select(session: string, id: string): void {
  const before = conversation.value;
  if (before.user !== id) {
    for (const one of open.values()) one.leave();
    open.clear();
  } else if (before.session.value === session && before.turns.value.length > 0) {
    return;
  }
  for (const [key, one] of open) {
    if (!one.running.value && key !== session) open.delete(key);
  }
  const next = open.get(session) ?? make(session);
  conversation.value = next;
  if (!session) {
    whenPainted(() => {
      if (next.turns.value.length === 0) next.sendPending(); // otherwise what is kept is what was just sent
    });
    return;
  }
  if (!open.has(session)) {
    open.set(session, next);
    void next.load();
  }
}

/** Shows an empty conversation. */
export function startNew(): void {
  if (!conversation.value.session.value && conversation.value.turns.value.length > 0) {
    conversation.value = make("");
  }
  show("");
}

/** Deletes a conversation, and shows an empty one if it was shown. */
export async function removeSession(session: string): Promise<void> {
  await remove(session);
  open.get(session)?.leave();
  open.delete(session);
  if (shown.value === session) show("", true);
}

onChange((key, value) => {
  if (key === "user" && value) user.value = value;
  if (!isRecord(key)) return;
  void refreshSessions();
  const here = conversation.value;
  if (value && isRecordOf(key, here.user, here.session.value)) {
    const record = loadRecord(here.user, here.session.value);
    if (record) here.pickUp(record);
  }
});

addEventListener("visibilitychange", () => document.visibilityState === "visible" && void refreshSessions());
