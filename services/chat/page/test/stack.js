// What `make run` starts, for tests of the page, and gates that cut its parts off.
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after } from "node:test";
import { root } from "./programs.js";

const names = ["CHAT_PORT", "ANALYTICS_PORT", "MODEL_PORT", "CHAT_DAPR_HTTP_PORT", "ANALYTICS_DAPR_HTTP_PORT"];

const started = [];

after(() => Promise.all(started.map(async (suite) => (await suite).stop())));

/** Starts a suite for all tests. It stops after the last one. */
export function startForAll(begin) {
  const suite = begin();
  started.push(suite);
  return suite;
}

/** Starts the suite. The offline model takes its time, unless there is another. */
export async function startSuite(variables = {}) {
  const dir = mkdtempSync(join(tmpdir(), "daca-page-stack-"));
  const ports = Object.fromEntries(await Promise.all(names.map(async (name) => [name, String(await freePort())])));
  const store = variables.REDIS_HOST ? {} : { DACA_STORE: "embedded" };
  const { ended, child } = await start(join(root, "bin", "local"), /^The suite is up/, {
    ...process.env, ...ports, DACA_DIR: dir, MODEL_BEHAVIOUR: "delay=150ms", OPENAI_API_KEY: "", GEMINI_API_KEY: "", ...store, ...variables,
  });
  const stop = async () => {
    child.kill("SIGINT");
    await ended;
    rmSync(dir, { recursive: true });
  };
  const at = (port) => `http://127.0.0.1:${ports[port]}`;
  return { url: `${at("CHAT_PORT")}/`, sidecar: at("ANALYTICS_DAPR_HTTP_PORT"), port: Number(ports.CHAT_PORT), stop };
}

/**
 * Starts the suite with a gate before each part that may be away: { url, chat, model, broker,
 * store, stop }. The state store and the broker are one Redis with two gates.
 */
export async function startGated() {
  const dir = mkdtempSync(join(tmpdir(), "daca-page-gates-"));
  const stops = [() => rmSync(dir, { recursive: true })];
  const part = async (program, args, started, env) => {
    const { child, ended } = await start(program, started, { ...process.env, ...env }, args);
    stops.unshift(() => (child.kill("SIGTERM"), ended));
  };
  const gate = async (port) => {
    const made = await new Gate(port).up();
    stops.unshift(() => made.down());
    return made;
  };
  const redisPort = await freePort();
  await part("redis-server", ["--port", String(redisPort), "--bind", "127.0.0.1", "--save", "", "--dir", dir], /Ready to accept/);
  const modelPort = await freePort();
  await part(join(root, "bin", "model"), [], /"serving"/, { HOST: "127.0.0.1", PORT: String(modelPort), MODEL_BEHAVIOUR: "delay=20ms" });
  const [model, broker, store] = await Promise.all([gate(modelPort), gate(redisPort), gate(redisPort)]);

  // REDIS_HOST takes the place of the value that comes after the name redisHost.
  const components = join(dir, "components");
  cpSync(join(root, "components"), components, { recursive: true });
  const file = join(components, "statestore.yaml");
  const own = readFileSync(file, "utf8").replace(/name: redisHost\n( *)value: .*/, `value: "127.0.0.1:${store.port}"\n$1name: redisHost`);
  writeFileSync(file, own);

  const suite = await startSuite({
    COMPONENTS: components, REDIS_HOST: `127.0.0.1:${broker.port}`, REDIS_PASSWORD: "",
    OPENAI_BASE_URL: `http://127.0.0.1:${model.port}/v1`, OPENAI_MODEL: "offline",
  });
  stops.unshift(suite.stop);
  const chat = await gate(suite.port);
  const stop = async () => {
    for (const one of stops) await one();
  };
  return { url: `http://127.0.0.1:${chat.port}/`, chat, model, broker, store, stop };
}

/** Passes connections on to a port of this machine, unless it is down. */
class Gate {
  #sockets = new Set();
  #server = createServer((from) => {
    const to = connect(this.target, "127.0.0.1");
    for (const [one, other] of [[from, to], [to, from]]) {
      this.#sockets.add(one);
      one.on("error", () => undefined).on("close", () => (this.#sockets.delete(one), other.destroy()));
      one.pipe(other);
    }
  });

  constructor(target) {
    this.target = target;
    this.port = 0;
  }

  async up() {
    if (!this.#server.listening) await new Promise((resolve) => this.#server.listen(this.port, "127.0.0.1", resolve));
    this.port = this.#server.address().port;
    return this;
  }

  /** Cuts all connections, and takes no new ones. */
  async down() {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Starts a program, and returns when it has printed such a line. */
async function start(program, line, env, args = []) {
  const child = spawn(program, args, { cwd: root, env, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.on("exit", resolve));
  const lines = [];
  for await (const printed of createInterface({ input: child.stdout })) {
    lines.push(printed);
    if (!line.test(printed)) continue;
    child.stdout.resume();
    return { child, ended };
  }
  throw new Error(`${program} does not start:\n${lines.join("\n")}`);
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject).listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export const user = (name) => `${name}-${Math.random().toString(36).slice(2, 8)}`;
