import { signal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "./Icon";

const command = /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘" : "Ctrl";

const shortcuts: [keys: string[], what: string][] = [
  [["Enter"], "Send the message"],
  [["Shift", "Enter"], "New line"],
  [["Esc"], "Stop the answer, or close what is open"],
  [["↑"], "In an empty message: edit the last one"],
  [["/"], "Write a message"],
  [["F"], "See the flow of events"],
  [[command, "Shift", "O"], "New conversation"],
  [[command, "K"], "Search the conversations"],
  [["Alt", "↑"], "Conversation above"],
  [["Alt", "↓"], "Conversation below"],
  [["?"], "This list"],
];

const open = signal(false);

export function openShortcuts(): void {
  open.value = true;
}

export function ShortcutsDialog() {
  return open.value && <Dialog />;
}

function Dialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog id="shortcuts" class="card" aria-labelledby="shortcuts-title" ref={dialog} onClose={() => (open.value = false)}
      onClick={(event) => event.target === event.currentTarget && event.currentTarget.close()}>
      <div class="card-body">
        <div class="row">
          <h2 id="shortcuts-title" class="grow">Shortcuts</h2>
          <form method="dialog"><button class="quiet square" aria-label="Close"><Icon name="close" /></button></form>
        </div>
        <dl class="keys">
          {shortcuts.map(([keys, what]) => (
            <div key={what}>
              <dt>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
      </div>
    </dialog>
  );
}

