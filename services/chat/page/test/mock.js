// A chat service of which tests decide what it does. The page itself comes from the real
// program, with its headers; the routes of conversations are answered here, as
// /openapi.json of the service describes them.
import http from "node:http";
import { randomUUID } from "node:crypto";

/** How a message is answered: the first pattern that fits its text decides. */
const answers = [
  [/^fail (\d+)(?: (.*))?/, async (run, [, status, detail]) => run.fail(Number(status), detail ?? "")],
  [/time/i, async (run) => {
    run.emit("tool_call", { id: "c1", name: "get_current_time", arguments: "{}" });
    await run.pause("tool", 5);
    run.emit("tool_result", { id: "c1", name: "get_current_time", result: "2026-01-02 15:04:05 UTC", duration_ms: 1.84 });
    await run.say("It is **15:04:05 UTC**. In Go:\n\n```go\nnow := time.Now().UTC()\nfmt.Println(now.Format(\"15:04:05 MST\"))\n```\n");
  }],
  [/^words (\d+)/, async (run, [, n]) => {
    for (let i = 0; i < Number(n); i++) {
      run.emit("token", { text: `word${i}${i % 40 === 39 ? ".\n\n" : " "}` });
      if (i % 20 === 19) await run.pause("words", 4);
    }
  }],
  [/^paragraph (\d+)/, async (run, [, n]) => {
    for (let i = 0; i < Number(n); i++) {
      run.emit("token", { text: `word${i} ` });
      if (i % 20 === 19) await run.pause("words", 4);
    }
  }],
  [/^hold/, async (run) => {
    await run.say("The answer begins, ");
    await run.pause("hold");
    await run.say("and it ends.");
  }],
  [/.*/, async (run) => run.say(`Hello! You said: “${run.text}”.`)],
];

class Run {
  id = randomUUID().replaceAll("-", "");
  status = "running";
  started = new Date().toISOString();
  events = [];
  followers = new Set();
  reply = "";
  messages = [];

  constructor(mock, user, session, text, replaces) {
    Object.assign(this, { mock, user, session, text, replaces });
    this.passing = { key: this.id, type: "MessageSent", user_id: user, stage: "answering", received_at: this.started };
    mock.pass(this.passing);
  }

  emit(event, data) {
    if (this.status !== "running") throw new Error("the run has ended");
    if (event === "token") this.reply += data.text;
    if (event === "tool_call") {
      this.messages.push({ role: "assistant", content: this.reply, tool_calls: [data] });
      this.reply = "";
    }
    if (event === "tool_result") this.messages.push({ role: "tool", content: data.result, tool_call_id: data.id });
    this.push(event, data);
  }

  push(event, data) {
    this.events.push({ id: `1.${this.events.length + 1}.0`, event, data });
    for (const follower of this.followers) follower();
  }

  /** Emits a text word by word. */
  async say(text) {
    for (const token of text.match(/\s*\S+\s*/g) ?? []) {
      this.emit("token", { text: token });
      await this.pause("word", 1);
    }
  }

  /** Waits for some ms or, without them, until the test lets it go on. */
  async pause(name, ms) {
    if (ms === undefined || this.mock.held.has(name)) await this.mock.gate(name);
    else await new Promise((resolve) => setTimeout(resolve, ms));
  }

  fail(status, detail) {
    this.push("error", { status, detail });
    this.status = "failed";
    this.mock.pass({ ...this.passing, stage: "failed" });
  }

  end(status) {
    const last = this.reply ? [{ role: "assistant", content: this.reply }] : [];
    const counted = this.mock.counts.get(this.user) ?? 0;
    if (status === "answered" || this.reply) this.mock.keep(this, [...this.messages, ...last], status === "stopped");
    if (status === "stopped") this.push("stopped", { reply: this.reply });
    else {
      this.push("message", {
        user_id: this.user, reply: this.reply, run_id: this.id,
        metadata: { timestamp: new Date().toISOString(), session_id: this.session, ...this.mock.metadata },
        usage: { prompt_tokens: 21, completion_tokens: 12, total_tokens: 33 },
      });
    }
    this.status = status;
    const count = this.mock.counts.get(this.user) ?? 0;
    if (count > counted) this.mock.travel(this.passing, count);
  }
}

/** The time some ms after another one, with microseconds as the service has them. */
export const later = (time, ms) => {
  const whole = Math.floor(ms);
  return new Date(Date.parse(time) + whole).toISOString().replace("Z", `${String(Math.round((ms - whole) * 1000)).padStart(3, "0")}Z`);
};

/** An event that was counted, as the stream of activity tells it. */
export function countedEvent(user, count, { at = new Date(), answered = 640, broker = 1.4, analytics = 2.1, store = 0.6, ...rest } = {}) {
  const received_at = at.toISOString();
  const answered_at = later(received_at, answered);
  const delivered_at = later(answered_at, broker);
  return {
    key: randomUUID(), id: randomUUID(), type: "MessageSent", user_id: user, stage: "counted",
    received_at, answered_at, published_at: later(answered_at, broker * 0.7), delivered_at,
    counted_at: later(delivered_at, analytics + store), stored_ms: store, count, outcome: "counted", ...rest,
  };
}

export class Mock {
  config = { version: "test", model: { name: "offline", offline: true }, replaces: true, kubernetes: false };
  readiness = { status: "ready", checks: { sidecar: "ok", pubsub: "ok", "analytics-service": "ok", statestore: "ok", model: "ok" } };
  metadata = {};
  counts = new Map();
  sessions = new Map(); // user → session id → session
  runs = new Map();
  keys = new Map(); // Idempotency-Key → run
  requests = [];
  held = new Set();
  broken = new Set(); // "count", "sessions", "stream", "events", "activity"
  activity = { events: [], minutes: [], users: [], dead_letters: { total: 0, letters: [] }, waiting: 0, analytics: "ok" };
  token = ""; // of operators; without one, everybody is one
  watchers = new Set();
  answers = [...answers];
  #gates = new Map();
  #sockets = new Set();

  /** Serves at a free port; the page comes from the address of a chat service. */
  async start(chat) {
    this.chat = new URL(chat);
    this.server = http.createServer((req, res) => this.#handle(req, res).catch((error) => {
      if (!res.headersSent) res.writeHead(500);
      res.end(String(error));
    }));
    this.server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    await this.#listen(0);
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}/`;
    return this;
  }

  #listen(port) {
    return new Promise((resolve) => this.server.listen(port, "127.0.0.1", resolve));
  }

  /** Cuts all connections, and takes no new ones until up. */
  async down() {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.cut();
    await closed;
  }

  async up() {
    await this.#listen(this.port);
  }

  cut() {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop() {
    for (const name of [...this.#gates.keys()]) this.open(name);
    if (this.server.listening) await this.down();
  }

  /** A promise that the test fulfils by open. */
  gate(name) {
    if (!this.#gates.has(name)) {
      let open;
      this.#gates.set(name, { promise: new Promise((resolve) => (open = resolve)), open });
    }
    return this.#gates.get(name).promise;
  }

  open(name) {
    this.gate(name);
    this.#gates.get(name).open();
    this.#gates.delete(name);
    this.held.delete(name);
  }

  of(user) {
    if (!this.sessions.has(user)) this.sessions.set(user, new Map());
    return this.sessions.get(user);
  }

  /** Adds a session with turns of [text, reply]. */
  seed(user, id, title, turns, updated = new Date()) {
    this.of(user).set(id, {
      session_id: id, title, created: updated.toISOString(), updated: updated.toISOString(), dropped_turns: 0,
      turns: turns.map(([text, reply], n) => ({ id: `${id}-${n}`, time: updated.toISOString(), text, messages: [{ role: "assistant", content: reply }] })),
    });
    this.counts.set(user, (this.counts.get(user) ?? 0) + turns.length);
  }

  keep(run, messages, stopped) {
    const sessions = this.of(run.user);
    if (!sessions.has(run.session)) this.seed(run.user, run.session, run.text.slice(0, 80), []);
    const session = sessions.get(run.session);
    const at = session.turns.findIndex((turn) => turn.id === run.replaces);
    const same = at >= 0 && session.turns[at].text === run.text;
    if (at >= 0) session.turns.length = at;
    session.updated = new Date().toISOString();
    session.turns.push({ id: randomUUID(), time: session.updated, text: run.text, messages, ...(stopped ? { stopped } : {}) });
    if (!same) this.counts.set(run.user, (this.counts.get(run.user) ?? 0) + 1);
  }

  /** Tells the watchers of an event. */
  pass(event) {
    const { events } = this.activity;
    const at = events.findIndex(({ key }) => key === event.key);
    if (at >= 0) events[at] = event;
    else events.push(event);
    if (events.length > 60) events.shift();
    for (const watcher of this.watchers) if (watcher.sees(event)) watcher.write("event", event);
  }

  /** Lets an event go from its answer to its count at once. */
  travel(event, count) {
    const answered_at = new Date().toISOString();
    const published = { ...event, id: randomUUID(), stage: "published", answered_at, published_at: later(answered_at, 1.1) };
    this.pass(published);
    if (this.held.has("counting")) return;
    const { key, ...counted } = countedEvent(event.user_id, count);
    this.pass({ ...counted, ...published, stage: "counted", delivered_at: later(answered_at, 1.4), counted_at: later(answered_at, 4.1) });
    const minute = answered_at.slice(0, 16) + ":00Z";
    const minutes = this.activity.minutes.filter((one) => one.minute !== minute);
    const before = this.activity.minutes.find((one) => one.minute === minute)?.counted ?? 0;
    const users = [{ user_id: event.user_id, count, at: answered_at }, ...this.activity.users.filter(({ user_id }) => user_id !== event.user_id)];
    this.tell({ minutes: [...minutes, { minute, counted: before + 1 }].slice(-30), users: users.slice(0, 20) });
  }

  /** Changes what is told besides the events. */
  tell(changes) {
    Object.assign(this.activity, changes);
    for (const watcher of this.watchers) watcher.write("update", watcher.overview());
  }

  #watch(req, res, user) {
    if (this.broken.has("activity")) return json(res, 503, { detail: "There are too many watchers." }, { "Retry-After": "1" });
    const bearer = req.headers.authorization?.replace("Bearer ", "");
    if (this.token && bearer !== undefined && bearer !== this.token) return json(res, 401, { detail: "The token is not the operator's." });
    const operator = (!this.token || bearer === this.token) && this.activity.analytics === "ok";
    res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    const watcher = {
      sees: (event) => operator || event.user_id === user,
      write: (event, data) => write(res, { event, data }),
      overview: () => {
        const { events: _, ...rest } = this.activity;
        return operator ? { ...rest, operator } : { ...rest, operator, dead_letters: null, users: rest.users.filter(({ user_id }) => user_id === user) };
      },
    };
    this.watchers.add(watcher);
    res.on("close", () => this.watchers.delete(watcher));
    watcher.write("snapshot", { ...watcher.overview(), events: this.activity.events.filter(watcher.sees) });
  }

  #letter(req, res, id) {
    const { total, letters } = this.activity.dead_letters;
    if (this.token && req.headers.authorization !== `Bearer ${this.token}`) return json(res, 401, { detail: "An operator's token is needed." });
    if (this.broken.has("replay")) return json(res, 409, { detail: "The event cannot be replayed: it has no type" });
    if (!letters.some((letter) => letter.id === id)) return json(res, 404, { detail: "Dead letter not found" });
    this.tell({ dead_letters: { total: total - 1, letters: letters.filter((letter) => letter.id !== id) } });
    return json(res, 200, { status: req.method === "POST" ? "replayed" : "deleted", id });
  }

  async #handle(req, res) {
    const url = new URL(req.url, this.url);
    const body = await text(req);
    this.requests.push({ method: req.method, path: url.pathname, headers: req.headers, body });
    const parts = url.pathname.split("/").slice(1).map(decodeURIComponent);
    const route = `${req.method} ${parts.length} ${parts[0]}${parts[2] ? "/" + parts[2] : ""}`;
    switch (route) {
      case "GET 2 page":
        return parts[1] === "config" ? json(res, 200, this.config) : this.#proxy(req, res);
      case "GET 1 blank":
        res.writeHead(200, { "Content-Type": "text/html" });
        return res.end("<!doctype html><title>Blank</title><p>Blank");
      case "GET 1 readyz":
        return json(res, this.readiness.status === "unavailable" ? 503 : 200, this.readiness);
      case "GET 1 activity":
        return this.#watch(req, res, url.searchParams.get("user_id"));
      case "POST 3 deadletters/replay":
      case "DELETE 2 deadletters":
        return this.#letter(req, res, parts[1]);
      case "POST 2 chat":
        return this.#stream(res, JSON.parse(body), req.headers["idempotency-key"]);
      case "GET 2 runs":
      case "DELETE 2 runs":
      case "GET 3 runs/events":
        return this.#run(req, res, this.runs.get(parts[1]));
      case "GET 3 users/count":
        if (this.broken.has("count")) return json(res, 503, { detail: "The count is not known: analytics-service is unavailable." });
        return json(res, 200, { user_id: parts[1], message_count: this.counts.get(parts[1]) ?? 0 });
      case "GET 3 users/sessions":
      case "GET 4 users/sessions":
      case "PATCH 4 users/sessions":
      case "DELETE 4 users/sessions":
        return this.#sessions(req, res, parts, body);
      default:
        return this.#proxy(req, res);
    }
  }

  #stream(res, message, key) {
    if (this.broken.has("stream")) return json(res, 503, { detail: "There are too many streams." }, { "Retry-After": "2" });
    let run = this.keys.get(key);
    if (!run) {
      run = new Run(this, message.user_id, message.metadata?.session_id ?? randomUUID(), message.text, message.replaces);
      this.runs.set(run.id, run);
      this.keys.set(key, run);
      void this.#answer(run);
    }
    return this.#follow(res, run, 0, true);
  }

  async #answer(run) {
    const [pattern, answer] = this.answers.find(([pattern]) => pattern.test(run.text));
    try {
      await this.held.has("begin") && await this.gate("begin");
      await answer(run, pattern.exec(run.text));
      if (run.status === "running") run.end("answered");
    } catch (error) {
      if (run.status === "running") run.fail(500, String(error));
    }
  }

  #run(req, res, run) {
    if (!run) return json(res, 404, { detail: "Run not found" });
    if (req.method === "DELETE") {
      if (run.status === "running") run.end("stopped");
      return json(res, 200, { run_id: run.id, status: "stopping" });
    }
    if (!req.url.includes("/events")) {
      return json(res, 200, { run_id: run.id, status: run.status, user_id: run.user, session_id: run.session, started: run.started });
    }
    if (this.broken.has("events")) return json(res, 503, { detail: "The state store is unreachable." });
    const after = req.headers["last-event-id"];
    const seen = after ? Number(after.split(".")[1]) : 0;
    return this.#follow(res, run, seen, seen === 0);
  }

  #follow(res, run, seen, fromBeginning) {
    res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    res.write(": the answer follows\n\n");
    if (fromBeginning) write(res, { id: "1.0.0", event: "run", data: { run_id: run.id, session_id: run.session } });
    const send = () => {
      for (; seen < run.events.length; seen++) write(res, run.events[seen]);
      if (["message", "stopped", "error"].includes(run.events.at(-1)?.event)) {
        run.followers.delete(send);
        res.end();
      }
    };
    run.followers.add(send);
    res.on("close", () => run.followers.delete(send));
    send();
  }

  #sessions(req, res, [, user, , id], body) {
    if (this.broken.has("sessions")) return json(res, 503, { detail: "statestore is unavailable." });
    const summary = ({ turns, dropped_turns: _, ...rest }) => ({ ...rest, turn_count: turns.length });
    if (!id) {
      const all = [...this.of(user).values()].sort((a, b) => b.updated.localeCompare(a.updated));
      return json(res, 200, { sessions: all.map(summary) });
    }
    const session = this.of(user).get(id);
    if (!session) return json(res, 404, { detail: "Session not found" });
    if (req.method === "PATCH") session.title = JSON.parse(body).title;
    if (req.method === "DELETE") {
      this.of(user).delete(id);
      return json(res, 200, { status: "deleted", session_id: id });
    }
    return json(res, 200, req.method === "PATCH" ? summary(session) : { ...summary(session), ...session });
  }

  #proxy(req, res) {
    return new Promise((resolve) => {
      const onward = http.request(new URL(req.url, this.chat), { method: req.method, headers: req.headers }, (answer) => {
        res.writeHead(answer.statusCode, answer.headers);
        answer.pipe(res).on("close", resolve);
      });
      onward.on("error", () => (res.writeHead(502), res.end(), resolve()));
      onward.end();
    });
  }
}

function write(res, { id, event, data }) {
  res.write(`event: ${event}\n${id ? `id: ${id}\n` : ""}data: ${JSON.stringify(data)}\n\n`);
}

function json(res, status, body, headers = {}) {
  res.writeHead(status, { "Content-Type": "application/json", ...headers });
  res.end(JSON.stringify(body));
}

async function text(req) {
  let all = "";
  for await (const chunk of req) all += chunk;
  return all;
}
