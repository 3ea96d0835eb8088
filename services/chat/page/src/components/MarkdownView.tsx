import { memo } from "./memo";
import { useRef } from "preact/hooks";
import { Markdown, type Block } from "../markdown/blocks";
import { CopyButton } from "./CopyButton";

/** A text with markdown. While it grows, only what is new is read and drawn. */
export function MarkdownView({ text, growing }: { text: string; growing: boolean }) {
  const reader = useRef<Markdown | null>(null);
  if (!reader.current || !growing) reader.current = new Markdown();
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
