import { useSignal } from "@preact/signals";
import { ApiError } from "../api/http";
import type { SessionSummary } from "../api/sessions";
import { announce } from "../state/announce";
import { day, hourAndMinute } from "../state/formats";
import { user } from "../state/identity";
import { sidebarOpen } from "../state/layout";
import { problemOf } from "../state/problems";
import { loadRecord } from "../state/records";
import { show, shown } from "../state/route";
import { rename } from "../state/sessions";
import { removeSession } from "../state/shown";
import { Icon } from "./Icon";
import { focusOn } from "./keyboard";

type Mode = "" | "rename" | "remove";

/** A conversation in the list, with what can be done to it. */
export function SessionRow({ session }: { session: SessionSummary }) {
  const mode = useSignal<Mode>("");
  const failure = useSignal("");
  const current = shown.value === session.session_id;

  const attempt = async (change: () => Promise<void>) => {
    try {
      await change();
      mode.value = "";
      failure.value = "";
    } catch (error) {
      const { what, todo } = problemOf(error instanceof ApiError ? error : new ApiError(0, ""));
      failure.value = error instanceof ApiError && error.status === 503 ? "The state store is away. Try again in a moment." : `${what} ${todo}`;
      announce(failure.value);
    }
  };

  return (
    <li class={current ? "session current" : "session"}>
      {mode.value === "rename" ? (
        <RenameForm session={session} done={(title) => void attempt(() => rename(session.session_id, title))} cancel={() => (mode.value = "")} />
      ) : (
        <a href={"#/c/" + encodeURIComponent(session.session_id)} aria-current={current ? "page" : undefined} onClick={(event) => {
          event.preventDefault();
          sidebarOpen.value = false;
          show(session.session_id);
        }}>
          <span class="title">{session.title || "Untitled"}</span>
          <span class="muted small">{about(session)}</span>
        </a>
      )}
      {mode.value === "" && (
        <span class="actions">
          <button class="quiet square" aria-label={`Rename “${session.title}”`} title="Rename" onClick={() => (mode.value = "rename")}>
            <Icon name="edit" />
          </button>
          <button class="quiet square" aria-label={`Delete “${session.title}”`} title="Delete" onClick={() => (mode.value = "remove")}>
            <Icon name="remove" />
          </button>
        </span>
      )}
      {mode.value === "remove" && (
        <div class="confirm" role="group" aria-label={`Delete “${session.title}”?`} onKeyDown={(e) => e.key === "Escape" && (mode.value = "")}>
          <span>Delete it for good?</span>
          <button class="plain danger" ref={focusOn} onClick={() => void attempt(() => removeSession(session.session_id))}>Delete</button>
          <button class="plain" onClick={() => (mode.value = "")}>Keep</button>
        </div>
      )}
      {failure.value && <p class="wrong">{failure}</p>}
    </li>
  );
}

function RenameForm({ session, done, cancel }: { session: SessionSummary; done: (title: string) => void; cancel: () => void }) {
  const submit = (event: Event) => {
    event.preventDefault();
    const title = String(new FormData(event.currentTarget as HTMLFormElement).get("title")).trim();
    if (title && title !== session.title) done(title);
    else cancel();
  };
  return (
    <form onSubmit={submit} onKeyDown={(e) => e.key === "Escape" && (e.stopPropagation(), cancel())}>
      <input name="title" aria-label="Title of the conversation" defaultValue={session.title} maxLength={80} ref={focusOn}
        onBlur={(event) => event.currentTarget.form?.requestSubmit()} />
    </form>
  );
}

function about({ session_id, turn_count, updated }: SessionSummary): string {
  if (loadRecord(user.value, session_id)) return "answering…";
  const turns = turn_count === 1 ? "1 turn" : `${turn_count} turns`;
  return `${turns} · ${when(new Date(updated))}`;
}

function when(time: Date): string {
  const minutes = (Date.now() - time.getTime()) / 60_000;
  if (minutes < 1) return "now";
  if (minutes < 60) return `${Math.floor(minutes)} min ago`;
  const today = new Date().setHours(0, 0, 0, 0);
  if (time.getTime() >= today - 24 * 60 * 60_000) return hourAndMinute(time);
  return day(time);
}
