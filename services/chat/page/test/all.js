// Runs all tests in one process, with one browser: node all.js [pattern of a file's name].
import { readdirSync } from "node:fs";

const pattern = new RegExp(process.argv[2] ?? "");
for (const name of readdirSync(new URL(".", import.meta.url)).filter((file) => file.endsWith(".test.js") && pattern.test(file))) {
  await import(`./${name}`);
}
