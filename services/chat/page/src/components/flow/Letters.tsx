import { useSignal } from "@preact/signals";
import { deleteLetter, replayLetter, type Letter } from "../../api/flow";
import { ApiError, isNotFound } from "../../api/http";
import { announce } from "../../state/announce";
import { config } from "../../state/config";
import { overview, setToken, token, tokenFailure } from "../../state/flow";
import { hourAndMinute, inDigits } from "../../state/formats";
import { CopyButton } from "../CopyButton";
import { focusOn } from "../keyboard";
import { printToken } from "../kubectl";

/** What could never be counted, and what an operator can do about it. */
export function Letters() {
  if (!overview.value) return null;
  const { operator, dead_letters: letters, analytics } = overview.value;
  const total = letters?.total ?? 0;
  return (
    <section class="flow-part" aria-labelledby="letters-title">
      <h2 id="letters-title">
        Dead letters {total > 0 && <b class="number">{inDigits(total)}</b>}
        {operator && token.value && <button class="quiet action" onClick={() => setToken("")}>Forget the token</button>}
      </h2>
      <div class="box">
        {letters ? <List letters={letters.letters} total={total} />
          : analytics === "away" ? <p class="muted">Not known while analytics is away.</p>
          : operator ? <p class="muted">Looking…</p>
          : <TokenForm />}
      </div>
    </section>
  );
}

function List({ letters, total }: { letters: Letter[]; total: number }) {
  if (!total) return <p class="muted">None. Every event could be counted.</p>;
  return (
    <>
      <ul class="letters">{letters.map((letter) => <LetterRow key={letter.id + letter.received_at} letter={letter} />)}</ul>
      {total > letters.length && <p class="muted small">The newest {letters.length} of {inDigits(total)}.</p>}
    </>
  );
}

function LetterRow({ letter }: { letter: Letter }) {
  const state = useSignal<"" | "asked" | "working" | "done">("");
  const wrong = useSignal("");
  const who = letter.user_id ? `${letter.type || "Event"} from ${letter.user_id}` : (letter.type || `Event on ${letter.topic}`);
  const act = async (what: "replayed" | "deleted") => {
    state.value = "working";
    wrong.value = "";
    try {
      await (what === "replayed" ? replayLetter : deleteLetter)(letter.id, token.value);
    } catch (error) {
      if (!isNotFound(error)) {
        const { status = 0, detail = "" } = error instanceof ApiError ? error : {};
        wrong.value = detail || (status ? `The service answered with status ${status}.` : "The chat service does not answer. Try again.");
        state.value = "";
        announce(`The dead letter was not ${what}. ${wrong.value}`);
        return;
      }
    }
    state.value = "done"; // it goes with the next news, and may come back
    setTimeout(() => (state.value = ""), 8000);
    announce(what === "replayed" ? "The event is published once more." : "The dead letter is deleted.");
  };
  return (
    <li class={state.value === "done" ? "done" : ""}>
      <div class="grow">
        <p><b>{letter.user_id || "Unknown user"}</b></p>
        <p class="muted small">{letter.type || `Event on ${letter.topic}`} · <time dateTime={letter.received_at}>{hourAndMinute(new Date(letter.received_at))}</time></p>
      </div>
      {state.value === "asked" ? (
        <div class="row confirm-letter">
          <span class="small">For ever?</span>
          <button class="plain danger" ref={focusOn} onClick={() => void act("deleted")}>Delete</button>
          <button class="plain" onClick={() => (state.value = "")}>Keep</button>
        </div>
      ) : (
        <div class="row">
          <button class="plain" disabled={!!state.value} aria-label={`Replay: ${who}`} title="Publishes the event once more. It counts at most once." onClick={() => void act("replayed")}>
            {state.value ? "…" : "Replay"}
          </button>
          <button class="quiet action" disabled={!!state.value} aria-label={`Delete: ${who}`} onClick={() => (state.value = "asked")}>Delete</button>
        </div>
      )}
      <p class="small full">{letter.reason}</p>
      {wrong.value && <p class="wrong full">{wrong}</p>}
    </li>
  );
}

/** Asks for what makes an operator of the viewer. */
function TokenForm() {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const typed = String(new FormData(event.currentTarget as HTMLFormElement).get("token")).trim();
    if (typed) setToken(typed);
  };
  const cluster = config.value?.cluster;
  const line = cluster?.admin_secret && printToken(cluster, cluster.admin_secret);
  return (
    <form class="token" onSubmit={submit}>
      <p>Operators see the events of all users here, and what could not be counted.</p>
      <div class="row">
        <label class="grow">
          <span class="unseen">Operator's token</span>
          <input name="token" type="password" placeholder="Operator's token" autocomplete="off" spellcheck={false}
            aria-invalid={!!tokenFailure.value} aria-describedby="token-help" />
        </label>
        <button class="plain">Unlock</button>
      </div>
      {tokenFailure.value && <p class="wrong" role="alert">{tokenFailure}</p>}
      <p id="token-help" class="muted small">
        It is what ADMIN_TOKEN of the analytics service is set to. This tab alone keeps it.{line && " This prints it:"}
      </p>
      {line && <div class="command"><code tabIndex={0}>{line}</code><CopyButton text={() => line} what="the line" /></div>}
    </form>
  );
}
