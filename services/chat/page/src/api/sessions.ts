// The conversations of a user, which the chat service keeps as sessions.
import { jsonBody, request, requestJSON } from "./http";

export interface SessionSummary {
  session_id: string;
  title: string;
  created: string;
  updated: string;
  turn_count: number;
}

export interface StoredToolCall {
  id: string;
  name: string;
  arguments: string;
}

export interface StoredMessage {
  role: string;
  content?: string;
  tool_calls?: StoredToolCall[];
  tool_call_id?: string;
}

export interface StoredTurn {
  id: string;
  time: string;
  text: string;
  messages: StoredMessage[];
  stopped?: boolean;
  shortened?: boolean;
}

export interface Session extends SessionSummary {
  dropped_turns: number;
  turns: StoredTurn[];
}

const pathOf = (user: string, session = ""): string =>
  `users/${encodeURIComponent(user)}/sessions` + (session && `/${encodeURIComponent(session)}`);

/** All conversations of the user, newest first. */
export async function listSessions(user: string): Promise<SessionSummary[]> {
  const all: SessionSummary[] = [];
  for (let cursor = ""; ; ) {
    const query = new URLSearchParams({ limit: "200", ...(cursor ? { cursor } : {}) });
    const page = await requestJSON<{ sessions: SessionSummary[]; next_cursor?: string }>(`${pathOf(user)}?${query}`);
    all.push(...page.sessions);
    if (!page.next_cursor) return all;
    cursor = page.next_cursor;
  }
}

export const getSession = (user: string, session: string): Promise<Session> =>
  requestJSON<Session>(pathOf(user, session));

export async function renameSession(user: string, session: string, title: string): Promise<void> {
  await request(pathOf(user, session), jsonBody("PATCH", { title }));
}

export async function deleteSession(user: string, session: string): Promise<void> {
  await request(pathOf(user, session), { method: "DELETE" });
}
