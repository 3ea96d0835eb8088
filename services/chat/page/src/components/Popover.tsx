import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";

interface Props {
  id: string; // what the button that opens it has as its popovertarget
  kind: string;
  label: string;
  children: () => ComponentChildren;
}

/** A card that lies over the page. What is in it is drawn only while it is open. */
export function Popover({ id, kind, label, children }: Props) {
  const open = useSignal(false);
  return (
    <div id={id} popover="auto" class={`card ${kind}`} role="dialog" aria-label={label}
      onBeforeToggle={(event) => (open.value = event.newState === "open")}>
      {open.value && children()}
    </div>
  );
}
