import { signal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { Block, Markdown } from "../markdown/blocks";
import { CopyButton } from "./CopyButton";
import { memo } from "./memo";

const markdown = signal<typeof Markdown | null>(null);

/** Fetches what reads markdown, which nobody needs before the first answer. If that fails, answers are shown as they are written. */
export async function loadMarkdown(): Promise<void> {
  try {
    markdown.value ??= (await import("../markdown/blocks")).Markdown;
  } catch {
    // Whoever draws a text next tries it again.
  }
}

/** A text with markdown. While it grows, only what is new is read and drawn. */
export function MarkdownView({ text, growing }: { text: string; growing: boolean }) {
  const reader = useRef<Markdown | null>(null);
  const Reader = markdown.value;
  if (!Reader) {
    void loadMarkdown();
    return <div class="prose as-written">{text}</div>;
  }
  if (!reader.current || !growing) reader.current = new Reader();
  return (
    <div class={growing ? "prose growing" : "prose"}>
      {reader.current.read(text).map((block, n) => <BlockView key={n} block={block} />)}
    </div>
  );
}

const BlockView = memo(({ block }: { block: Block }) =>
  block.kind === "code" ? (
    <figure class="code">
      <figcaption>
        <span>{block.language || "text"}</span>
        <CopyButton text={() => block.code} what="the code" />
      </figcaption>
      <pre tabIndex={0}><code>{block.code}</code></pre>
    </figure>
  ) : (
    <div class="block" dangerouslySetInnerHTML={{ __html: block.html }} />
  ),
);
