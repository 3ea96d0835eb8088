// A conversation as the page shows it: its turns, and the one that is being answered.
import { computed, signal } from "@preact/signals";
import { ApiError, isNotFound, requestJSON } from "../api/http";
import { answer, resume, stop, type Follower, type RunEvent } from "../api/runs";
import { getSession } from "../api/sessions";
import { announce } from "./announce";
import { count, refreshCount } from "./count";
import { refreshHealth } from "./health";
import { randomHex } from "./identity";
import { loadPending, loadRecord, savePending, saveRecord, type Pending, type RunRecord } from "./records";
import { begin, refreshSessions, unbegin } from "./sessions";
import { Turn } from "./turn";

export class Conversation {
  /** The session id; empty until the server has made one. */
  readonly session = signal("");
  readonly turns = signal<Turn[]>([]);
  readonly loading = signal(false);
  readonly failure = signal<ApiError | null>(null);
  /** How many of the oldest turns the server has dropped. */
  readonly dropped = signal(0);
  readonly running = computed(() => this.turns.value.find((turn) => turn.isRunning) ?? null);

  private readonly following = new AbortController();

  constructor(
    readonly user: string,
    session: string,
    /** Called when the server has made the session id. */
    private readonly named: (conversation: Conversation) => void,
  ) {
    this.session.value = session;
  }

  /** Reads the turns from the server, and picks up what is in progress. */
  async load(): Promise<void> {
    this.loading.value = true;
    this.failure.value = null;
    try {
      const record = loadRecord(this.user, this.session.value);
      const run = record && (await lookUp(record.run));
      const stored = record?.first && run?.status === "running" ? [] : await this.stored();
      const ended = run === null || run.status === "answered" || run.status === "stopped";
      if (ended) saveRecord(this.user, this.session.value, null);
      const active = ended ? null : record;
      // The turn may be stored a moment before its run ends. Its time may be a little earlier than the start.
      const last = stored.at(-1);
      const isOfRun = active && run && last?.text === active.text && last.time.getTime() > Date.parse(run.started) - 2000;
      this.turns.value = isOfRun ? stored.slice(0, -1) : stored;
      if (active) this.pickUp(active);
      else this.sendPending();
    } catch (error) {
      this.failure.value = error instanceof ApiError ? error : new ApiError(0, "");
    } finally {
      this.loading.value = false;
    }
  }

  private async stored(): Promise<Turn[]> {
    try {
      const session = await getSession(this.user, this.session.value);
      this.dropped.value = session.dropped_turns ?? 0;
      return session.turns.map(Turn.from);
    } catch (error) {
      if (isNotFound(error)) return []; // its first message is being answered
      throw error;
    }
  }

  /** Follows a run that another tab, or this one before a reload, has started. */
  pickUp(record: RunRecord): void {
    if (this.running.value || this.turns.value.some((turn) => turn.run === record.run)) return;
    const turn = new Turn(record.text);
    turn.run = record.run;
    this.add(turn, record.replaces);
    void this.follow(turn, (follower) => resume(record.run, follower));
  }

  /** Sends what this tab had sent when it was reloaded, and had not heard of. */
  sendPending(): void {
    const pending = loadPending();
    if (!pending || pending.user !== this.user || pending.session !== this.session.value) return;
    const turn = new Turn(pending.text);
    this.add(turn, pending.replaces);
    this.post(turn, pending);
  }

  /** Sends a message. With replaces, it comes in the place of that turn and all later ones. */
  async send(text: string, replaces?: Turn): Promise<void> {
    if (this.running.value) return;
    const turn = new Turn(text);
    let id = replaces?.id;
    if (replaces) {
      turn.replaced = this.turns.value.slice(this.turns.value.indexOf(replaces));
      this.turns.value = this.turns.value.slice(0, this.turns.value.indexOf(replaces));
    }
    this.turns.value = [...this.turns.value, turn];
    if (replaces && !id) {
      try {
        id = (await this.stored()).findLast((stored) => stored.text === replaces.text)?.id;
      } catch (error) {
        turn.fail(error instanceof ApiError ? error : new ApiError(0, ""));
        return;
      }
    }
    this.post(turn, { key: randomHex(16), user: this.user, session: this.session.value, text, replaces: id });
  }

  /** Sends the message of a turn that failed again. */
  retry(turn: Turn): void {
    const before = turn.replaced[0];
    const unheard = turn.failure.value?.status === 0 ? turn.key : null;
    this.turns.value = this.turns.value.filter((other) => other !== turn);
    const again = new Turn(turn.text);
    again.replaced = turn.replaced;
    this.turns.value = [...this.turns.value, again];
    const pending = unheard === null ? null : loadPending();
    const key = pending?.text === turn.text ? pending.key : randomHex(16);
    this.post(again, { key, user: this.user, session: this.session.value, text: turn.text, replaces: before?.id || undefined });
  }

  /** Puts the turns back in the place of which one that failed should have come. */
  putBack(turn: Turn): void {
    this.turns.value = [...this.turns.value.filter((other) => other !== turn), ...turn.replaced];
  }

  /** Stops the answer in progress. */
  async stop(): Promise<void> {
    const turn = this.running.value;
    if (!turn || turn.state.value === "stopping") return;
    turn.state.value = "stopping";
    announce("Stopping the answer.");
    if (turn.run) await this.stopRun(turn);
  }

  private async stopRun(turn: Turn): Promise<void> {
    try {
      await stop(turn.run);
    } catch (error) {
      if (turn.state.value === "stopping" && !isNotFound(error)) {
        turn.state.value = "answering";
        announce("The answer could not be stopped. Try again.");
      }
    }
  }

  private add(turn: Turn, replaces?: string): void {
    const at = replaces ? this.turns.value.findIndex((other) => other.id === replaces) : -1;
    if (at >= 0) turn.replaced = this.turns.value.slice(at);
    this.turns.value = [...(at >= 0 ? this.turns.value.slice(0, at) : this.turns.value), turn];
  }

  private post(turn: Turn, message: Pending): void {
    savePending(message);
    void this.follow(turn, (follower) => answer(message, follower), message);
  }

  private async follow(turn: Turn, start: (follower: Follower) => Promise<void>, message?: Pending): Promise<void> {
    const before = count.value;
    announce("The agent is answering.");
    try {
      await start({
        signal: this.following.signal,
        connection: (state) => {
          if (state !== turn.connection.value) void refreshHealth();
          turn.connection.value = state;
        },
        event: (event) => this.take(turn, event, message),
      });
    } catch (error) {
      if (this.following.signal.aborted) return;
      if (!message && isNotFound(error)) {
        saveRecord(this.user, this.session.value, null);
        await this.load();
        return;
      }
      turn.fail(error instanceof ApiError ? error : new ApiError(0, String(error)));
    }
    this.ended(turn, before);
  }

  private take(turn: Turn, event: RunEvent, message?: Pending): void {
    if (event.type !== "run") {
      turn.take(event);
      if (event.type === "tool_call") announce(`The agent uses the tool ${event.name}.`);
      return;
    }
    turn.run = event.run_id;
    turn.clear();
    savePending(null);
    if (!this.session.value) {
      this.session.value = event.session_id;
      begin(event.session_id, turn.text);
      this.named(this);
    }
    if (message) {
      const first = this.turns.value[0] === turn && !message.replaces;
      saveRecord(this.user, this.session.value, { run: turn.run, text: turn.text, replaces: message.replaces, first });
    }
    if (turn.state.value === "stopping") void this.stopRun(turn);
  }

  private ended(turn: Turn, before: number | null): void {
    if (this.session.value) saveRecord(this.user, this.session.value, null);
    if (turn.failure.value?.status !== 0) savePending(null);
    if (turn.state.value === "failed") {
      announce("The message was not answered.");
      if (this.turns.value.length === 1) unbegin(this.session.value);
      void refreshHealth();
      return;
    }
    announce(turn.state.value === "stopped" ? "The answer is stopped." : "The agent has answered: " + turn.reply.slice(0, 500));
    const again = turn.replaced[0]?.text === turn.text;
    void refreshCount(again ? undefined : before);
    void refreshSessions();
  }

  /** Stops following. The run goes on. */
  leave(): void {
    this.following.abort();
  }
}

/** What the server says of a run; null if it does not know it. */
async function lookUp(run: string): Promise<{ status: string; started: string } | null> {
  try {
    return await requestJSON<{ status: string; started: string }>(`runs/${encodeURIComponent(run)}`);
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}
