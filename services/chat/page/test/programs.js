// Where the programs are that the tests start.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";

export const root = new URL("../../../../", import.meta.url).pathname;

export function findChromium() {
  const found = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
  assert.ok(found, "no chromium is installed: apt-get install chromium");
  return found;
}
