// What survives a reload while an answer is in progress: for all tabs, which run answers in
// a conversation; for this tab, which message it has sent and not heard of yet.
import { load, loadHere, save, saveHere } from "./storage";

export interface RunRecord {
  run: string;
  text: string;
  /** The turn that the answer replaces, or nothing. */
  replaces?: string | undefined;
  /** Whether it answers the first message of the conversation, which the server does not have yet. */
  first: boolean;
}

const prefix = "run/";

const keyOf = (user: string, session: string): string =>
  `${prefix}${encodeURIComponent(user)}/${encodeURIComponent(session)}`;

export const isRecord = (key: string): boolean => key.startsWith(prefix);

export const isRecordOf = (key: string, user: string, session: string): boolean => key === keyOf(user, session);

export const loadRecord = (user: string, session: string): RunRecord | null => parse(load(keyOf(user, session)));

export const saveRecord = (user: string, session: string, record: RunRecord | null): void =>
  save(keyOf(user, session), record ? JSON.stringify(record) : "");

export interface Pending {
  key: string;
  user: string;
  session: string;
  text: string;
  replaces?: string | undefined;
}

export const loadPending = (): Pending | null => parse(loadHere("pending"));

export const savePending = (pending: Pending | null): void =>
  saveHere("pending", pending ? JSON.stringify(pending) : "");

function parse<T>(text: string): T | null {
  try {
    return text ? (JSON.parse(text) as T) : null;
  } catch {
    return null;
  }
}
