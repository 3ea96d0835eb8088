// Runs the tests: node all.js [pattern of a file's name]. What the page costs is measured
// first, by itself. After that, two files at a time are run, each with a browser of its own.
import { readdirSync } from "node:fs";
import { finished } from "node:stream/promises";
import { run } from "node:test";
import { spec } from "node:test/reporters";

const here = new URL(".", import.meta.url).pathname;
const pattern = new RegExp(process.argv[2] ?? "");
const files = readdirSync(here).filter((file) => file.endsWith(".test.js") && pattern.test(file));
if (files.length === 0) throw new Error(`no test file is called like ${pattern}`);
const alone = files.filter((file) => file === "budget.test.js");
const others = files.filter((file) => !alone.includes(file));

for (const [some, concurrency] of [[alone, 1], [others, 2]]) {
  if (some.length > 0) await pass(some, concurrency);
}

async function pass(some, concurrency) {
  const tests = run({ files: some.map((file) => here + file), concurrency });
  tests.on("test:fail", () => (process.exitCode = 1));
  const told = tests.compose(new spec());
  told.pipe(process.stdout);
  await finished(told);
}
