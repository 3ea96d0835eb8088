// What the page asks of the service besides conversations.
import { ApiError, begun, requestJSON } from "./http";

/** What the page has to know of the installation, see services/chat/page.go. */
export interface Config {
  version: string;
  model: { name: string; offline: boolean };
  /** Whether a message may replace a turn. */
  replaces: boolean;
  /** Where the service runs. */
  kubernetes: boolean;
  /** What the charts have installed there, and where; absent without them. */
  cluster?: Cluster;
}

export interface Cluster {
  namespace: string;
  /** The Services with their ports, such as "daca-chat:8000". */
  chat?: string;
  analytics?: string;
  /** The Secret with the operators' token. */
  admin_secret?: string;
}

export const getConfig = (): Promise<Config> => requestJSON<Config>("page/config");

/** How many messages of the user have been counted. */
export async function getCount(user: string): Promise<number> {
  const answer = await requestJSON<{ message_count: number }>(`users/${encodeURIComponent(user)}/count`);
  return answer.message_count;
}

export interface Readiness {
  status: "ready" | "degraded" | "unavailable" | "stopping";
  /** Each dependency: "ok", or why it fails. */
  checks: Record<string, string>;
}

/** How ready the service is; it says so with a 503, too. */
export async function getReadiness(): Promise<Readiness> {
  let answer: Response;
  try {
    await begun;
    answer = await fetch("readyz", { cache: "no-store" });
  } catch {
    throw new ApiError(0, "");
  }
  if (answer.status !== 200 && answer.status !== 503) throw new ApiError(answer.status, "");
  return (await answer.json()) as Readiness;
}
