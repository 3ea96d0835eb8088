import { useSignal } from "@preact/signals";
import { announce } from "../state/announce";
import { Icon } from "./Icon";

const shownFor = 1600; // ms

/** Copies a text, and says so for a moment. */
export function CopyButton({ text, label = "Copy", what = "" }: { text: () => string; label?: string; what?: string }) {
  const state = useSignal<"" | "copied" | "failed">("");
  const copy = async () => {
    state.value = (await write(text())) ? "copied" : "failed";
    announce(state.value === "copied" ? "Copied." : "The browser does not allow copying.");
    setTimeout(() => (state.value = ""), shownFor);
  };
  const words = { "": label, copied: "Copied", failed: "Not allowed" }[state.value];
  return (
    <button class="quiet action" onClick={() => void copy()} aria-label={what && !state.value ? `${label} ${what}` : undefined}>
      <Icon name={state.value === "copied" ? "check" : "copy"} /> {words}
    </button>
  );
}

async function write(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return writeWithoutTLS(text);
  }
}

/** Pages without TLS have no navigator.clipboard. */
function writeWithoutTLS(text: string): boolean {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}
