// The list of conversations at the side.
import { computed, effect, signal } from "@preact/signals";
import { ApiError, isNotFound } from "../api/http";
import { deleteSession, listSessions, renameSession, type SessionSummary } from "../api/sessions";
import { user } from "./identity";

const listed = signal<SessionSummary[] | null>(null);
/** Those that have begun here and that the service does not list yet. */
const begun = signal<SessionSummary[]>([]);

/** Newest first; null until they are known. */
export const sessions = computed(() => {
  const known = listed.value;
  const news = begun.value.filter((one) => !known?.some((other) => other.session_id === one.session_id));
  return known || news.length ? [...news, ...(known ?? [])] : null;
});

export const sessionsFailure = signal<ApiError | null>(null);

let asked = 0;

export async function refreshSessions(): Promise<void> {
  const question = ++asked;
  try {
    const found = await listSessions(user.value);
    if (question !== asked) return;
    listed.value = found;
    sessionsFailure.value = null;
  } catch (error) {
    if (question === asked) sessionsFailure.value = error instanceof ApiError ? error : new ApiError(0, "");
  }
}

effect(() => {
  void user.value;
  listed.value = null;
  begun.value = [];
  void refreshSessions();
});

/** Lists a conversation whose first message is being answered. */
export function begin(session: string, text: string): void {
  const now = new Date().toISOString();
  const title = text.trim().split("\n")[0] ?? "";
  begun.value = [
    { session_id: session, title, created: now, updated: now, turn_count: 0 },
    ...begun.value.filter((one) => one.session_id !== session),
  ];
}

/** No longer lists a conversation of which nothing has come. */
export function unbegin(session: string): void {
  begun.value = begun.value.filter((one) => one.session_id !== session);
}

export async function rename(session: string, title: string): Promise<void> {
  await renameSession(user.value, session, title);
  const renamed = (one: SessionSummary) => (one.session_id === session ? { ...one, title } : one);
  listed.value = listed.value?.map(renamed) ?? null;
}

export async function remove(session: string): Promise<void> {
  try {
    await deleteSession(user.value, session);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  listed.value = listed.value?.filter((one) => one.session_id !== session) ?? null;
  unbegin(session);
}
