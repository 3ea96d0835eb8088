import { signal } from "@preact/signals";
import { getConfig, type Config } from "../api/service";

/** What the service says of itself; null until it has said so. */
export const config = signal<Config | null>(null);

export async function loadConfig(): Promise<void> {
  try {
    config.value = await getConfig();
  } catch {
    // The page works without it, and says that the service is away.
  }
}
