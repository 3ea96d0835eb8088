// A turn is what the user said and all that the agent said and did about it.
import { signal } from "@preact/signals";
import { ApiError } from "../api/http";
import type { Answer, Connection, RunEvent } from "../api/runs";
import type { StoredTurn } from "../api/sessions";
import { soon } from "./pace";

export interface ToolCall {
  id: string;
  name: string;
  arguments: string;
  /** Undefined while the tool works. */
  result?: string;
  /** In milliseconds, where it is known. */
  took?: number;
}

export type TextPart = { kind: "text"; text: string };
export type ToolPart = { kind: "tool"; call: ToolCall };
export type Part = TextPart | ToolPart;

export type TurnState = "answering" | "stopping" | "answered" | "stopped" | "failed";

let turns = 0;

export class Turn {
  /** Tells turns apart on the page. */
  readonly key = ++turns;
  readonly parts = signal<Part[]>([]);
  readonly state = signal<TurnState>("answering");
  readonly failure = signal<ApiError | null>(null);
  readonly connection = signal<Connection>("connected");
  readonly answer = signal<Answer | null>(null);
  /** Of the turn in the session; empty until that is known. */
  id = "";
  /** Of the run that answers; empty until the server has said it. */
  run = "";
  /** The turns in the place of which this one comes. */
  replaced: Turn[] = [];
  shortened = false;
  time = new Date();

  private waiting = "";
  private flushing = false;

  constructor(readonly text: string) {}

  get isRunning(): boolean {
    return this.state.value === "answering" || this.state.value === "stopping";
  }

  /** What the agent said, without its tools. */
  get reply(): string {
    return this.parts.value.flatMap((part) => (part.kind === "text" ? [part.text] : [])).join("\n\n");
  }

  /** Takes an event of the run in. */
  take(event: RunEvent): void {
    if (event.type === "token") {
      this.waiting += event.text;
      this.flushSoon();
      return;
    }
    this.flush();
    switch (event.type) {
      case "reset":
        this.parts.value = this.parts.value.slice(0, lastIndexOfAnswered(this.parts.value) + 1);
        break;
      case "tool_call":
        this.parts.value = [...this.parts.value, { kind: "tool", call: callOf(event) }];
        break;
      case "tool_result":
        this.answered(event.id, event.result, event.duration_ms);
        break;
      case "message":
        this.settle(event.reply);
        this.answer.value = event;
        this.time = new Date(event.metadata.timestamp);
        this.state.value = "answered";
        break;
      case "stopped":
        this.settle(event.reply);
        this.state.value = "stopped";
        break;
      case "error":
        this.fail(new ApiError(event.status, typeof event.detail === "string" ? event.detail : ""));
        break;
    }
  }

  fail(error: ApiError): void {
    this.flush();
    this.failure.value = error;
    this.state.value = "failed";
  }

  /** Begins anew, as when the run is read from its beginning. */
  clear(): void {
    this.waiting = "";
    this.parts.value = [];
  }

  private flushSoon(): void {
    if (this.flushing) return;
    this.flushing = true;
    soon(() => this.flush());
  }

  private flush(): void {
    this.flushing = false;
    if (!this.waiting) return;
    const parts = this.parts.value;
    const tail = parts.at(-1);
    this.parts.value =
      tail?.kind === "text"
        ? [...parts.slice(0, -1), { kind: "text", text: tail.text + this.waiting }]
        : [...parts, { kind: "text", text: this.waiting }];
    this.waiting = "";
  }

  /** Makes the last text the reply, which it is already unless something was lost. */
  private settle(reply: string): void {
    const tail = this.parts.value.at(-1);
    if (tail?.kind === "text" && tail.text === reply) return;
    const others = tail?.kind === "text" ? this.parts.value.slice(0, -1) : this.parts.value;
    this.parts.value = reply ? [...others, { kind: "text", text: reply }] : others;
  }

  private answered(id: string, result: string, took?: number): void {
    this.parts.value = this.parts.value.map((part) =>
      part.kind === "tool" && part.call.id === id && part.call.result === undefined
        ? { kind: "tool", call: { ...part.call, result, ...(took === undefined ? {} : { took }) } }
        : part,
    );
  }

  /** Returns the turn that a session has. */
  static from(stored: StoredTurn): Turn {
    const turn = new Turn(stored.text);
    turn.id = stored.id;
    turn.time = new Date(stored.time);
    turn.shortened = stored.shortened ?? false;
    turn.state.value = stored.stopped ? "stopped" : "answered";
    for (const message of stored.messages) {
      if (message.role === "tool") {
        turn.answered(message.tool_call_id ?? "", message.content ?? "");
        continue;
      }
      const added: Part[] = (message.tool_calls ?? []).map((call) => ({ kind: "tool", call: callOf(call) }));
      if (message.content) added.unshift({ kind: "text", text: message.content });
      turn.parts.value = [...turn.parts.value, ...added];
    }
    return turn;
  }
}

/** Everything up to the last result of a tool stays when a turn of the model begins anew. */
function lastIndexOfAnswered(parts: Part[]): number {
  return parts.findLastIndex((part) => part.kind === "tool" && part.call.result !== undefined);
}

function callOf(call: { id: string; name: string; arguments: unknown }): ToolCall {
  const given = call.arguments;
  return { id: call.id, name: call.name, arguments: typeof given === "string" ? given : JSON.stringify(given) };
}
