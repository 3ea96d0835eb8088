// How the services are, in words. Asked for while somebody looks, and not otherwise.
import { signal } from "@preact/signals";
import { getReadiness, type Readiness } from "../api/service";

export interface Health {
  state: "unknown" | "ready" | "degraded" | "unavailable" | "away";
  checks: { name: string; ok: boolean; words: string }[];
}

export const health = signal<Health>({ state: "unknown", checks: [] });

const names: Record<string, string> = {
  sidecar: "Dapr sidecar",
  pubsub: "Message broker",
  "analytics-service": "Analytics, which counts",
  model: "Model",
  statestore: "State store",
  sessions: "Conversations",
};

const period = 15_000;

export async function refreshHealth(): Promise<void> {
  try {
    health.value = inWords(await getReadiness());
  } catch {
    health.value = { state: "away", checks: [] };
  }
}

function inWords(readiness: Readiness): Health {
  const checks = Object.entries(readiness.checks).map(([name, state]) => ({
    name: names[name] ?? name,
    ok: state === "ok",
    words: state === "ok" ? "works" : state,
  }));
  return { state: readiness.status === "stopping" ? "unavailable" : readiness.status, checks };
}

/** Asks now, again every few seconds while the page is visible, and when it becomes visible. */
export function watchHealth(): void {
  const look = () => void (document.visibilityState === "visible" && refreshHealth());
  look();
  setInterval(look, period);
  addEventListener("visibilitychange", look);
  addEventListener("online", look);
}
