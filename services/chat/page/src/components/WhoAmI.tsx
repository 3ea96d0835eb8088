import { useSignal } from "@preact/signals";
import { count, counting } from "../state/count";
import { setUser, user, wrongUser } from "../state/identity";
import { inDigits } from "../state/formats";
import { show } from "../state/route";
import { theme, type Theme } from "../state/theme";
import { Popover } from "./Popover";

const themes: [Theme, string][] = [["auto", "As the system"], ["light", "Light"], ["dark", "Dark"]];

/** Who the user is and how many messages are counted, in a pill that opens. */
export function WhoAmI() {
  return (
    <>
      <button class="pill who" popovertarget="who" aria-label={`You are ${user}, ${inWords()}. Change it`}>
        <span class="name">{user}</span>
        <span aria-hidden="true">·</span>
        <Count />
      </button>
      <Popover id="who" kind="who-card" label="Who you are">{() => <Who />}</Popover>
    </>
  );
}

function Who() {
  return (
    <>
      <h2>Who you are</h2>
      <UserForm key={user.value} />
      <p class="muted small">
        Your conversations and your count belong to this id. It is no password: whoever types it sees them.
      </p>
      <fieldset class="choice">
        <legend>Colours</legend>
        {themes.map(([value, label]) => (
          <label key={value}>
            <input type="radio" name="theme" checked={theme.value === value} onChange={() => (theme.value = value)} />
            {label}
          </label>
        ))}
      </fieldset>
      <p class="small row">
        <a href="docs">API documentation</a>
        <a href="page/licenses.txt">Licenses of what this page is made of</a>
      </p>
    </>
  );
}

function inWords(): string {
  if (count.value === null) return "count not known";
  return count.value === 1 ? "1 message counted" : `${count.value} messages counted`;
}

function Count() {
  const known = count.value;
  if (known === null) return <span class="muted" title="The count is not known: analytics does not answer.">count not known</span>;
  return (
    <span class={counting.value ? "count counting" : "count"}>
      <b key={known}>{inDigits(known)}</b> {known === 1 ? "message" : "messages"}
    </span>
  );
}

function UserForm() {
  const wrong = useSignal("");
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const id = String(new FormData(event.currentTarget as HTMLFormElement).get("user"));
    wrong.value = wrongUser(id);
    if (wrong.value) return;
    document.getElementById("who")?.hidePopover();
    if (id === user.value) return;
    show("");
    setUser(id);
  };
  return (
    <form class="row" onSubmit={submit}>
      <label class="grow">
        User id
        <input name="user" defaultValue={user.peek()} autocomplete="username" spellcheck={false}
          aria-invalid={!!wrong.value} aria-describedby={wrong.value ? "wrong-user" : undefined} />
      </label>
      <button class="primary">Use it</button>
      {wrong.value && <p id="wrong-user" class="wrong full">{wrong}</p>}
    </form>
  );
}
