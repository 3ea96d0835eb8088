import { useSignal } from "@preact/signals";
import { inDigits } from "../state/formats";
import type { ToolCall } from "../state/turn";
import { CopyButton } from "./CopyButton";
import { Icon } from "./Icon";

const most = 4000; // characters of a result that are shown at first

/** A call of a tool: one quiet line, which opens into what was asked and answered. */
export function ToolCallView({ call, stopped }: { call: ToolCall; stopped: boolean }) {
  const waiting = call.result === undefined && !stopped;
  return (
    <details class="tool">
      <summary>
        <Icon name="chevron" />
        <code>{call.name}</code>
        <span class={waiting ? "muted working" : "muted"}>{state(call, stopped)}</span>
      </summary>
      <dl>
        <dt>Arguments</dt>
        <dd><pre tabIndex={0}>{pretty(call.arguments)}</pre></dd>
        {call.result !== undefined && (
          <>
            <dt>Result</dt>
            <dd><Result text={call.result} /></dd>
          </>
        )}
      </dl>
    </details>
  );
}

function Result({ text }: { text: string }) {
  const whole = useSignal(false);
  const long = text.length > most && !whole.value;
  return (
    <>
      <pre tabIndex={0}>{long ? text.slice(0, most) + "…" : text || "(nothing)"}</pre>
      <div class="row">
        <CopyButton text={() => text} what="the result" />
        {long && <button class="quiet action" onClick={() => (whole.value = true)}>Show all {inDigits(text.length)} characters</button>}
      </div>
    </>
  );
}

function state({ result, took }: ToolCall, stopped: boolean): string {
  if (result === undefined) return stopped ? "not answered" : "working…";
  if (took === undefined) return "answered";
  if (took < 0.1) return "less than 0.1 ms";
  return took < 1000 ? `${took < 10 ? took.toFixed(1) : Math.round(took)} ms` : `${(took / 1000).toFixed(1)} s`;
}

function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
