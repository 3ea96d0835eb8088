// Runs all tests in one process, with one browser: node all.js [pattern of a file's name].
import { readdirSync } from "node:fs";

const pattern = new RegExp(process.argv[2] ?? "");
const files = readdirSync(new URL(".", import.meta.url)).filter((file) => file.endsWith(".test.js") && pattern.test(file));
if (files.length === 0) throw new Error(`no test file is called like ${pattern}`);
for (const name of files) {
  await import(`./${name}`);
}
