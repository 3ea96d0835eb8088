// Markdown in blocks, so that a growing text costs what is new in it.
import { Marked, type Token, type Tokens } from "marked";
import { sanitize } from "./sanitize";

export type Block =
  | { kind: "html"; raw: string; html: string }
  | { kind: "code"; raw: string; language: string; code: string };

const harmless = /^<\/?(?:b|br|del|em|i|kbd|mark|s|strong|sub|sup)\s*\/?>$/i;

const escapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

const escape = (text: string): string => text.replace(/[&<>"']/g, (c) => escapes[c] ?? c);

const marked = new Marked({
  gfm: true,
  renderer: {
    // HTML in the text is shown as the text that it is.
    html: ({ text }: Tokens.HTML | Tokens.Tag) => (harmless.test(text.trim()) ? text : escape(text)),
    // A picture is a link to it: opening a conversation must tell nobody of it.
    image: ({ href, text }: Tokens.Image) => `<a href="${escape(href)}">${escape(text || href)}</a>`,
    checkbox: ({ checked }: Tokens.Checkbox) => (checked ? "\u2611 " : "\u2610 "),
  },
});

/** Reads a text that grows. Blocks that cannot change any more are not read again. */
export class Markdown {
  private text = "";
  private settled: Block[] = [];
  private settledLength = 0;
  private tail: Block[] = [];

  /** Returns the blocks of the text. The same block is the same object as long as it does not change. */
  read(given: string): Block[] {
    const text = given.replace(/\r\n?/g, "\n"); // as marked does, which counts without them
    if (text === this.text && text) return [...this.settled, ...this.tail];
    if (!text.startsWith(this.text)) {
      this.settled = [];
      this.settledLength = 0;
    }
    this.text = text;
    const tokens = marked.lexer(text.slice(this.settledLength));
    const open = tokens.findLastIndex((token) => token.type !== "space");
    const links = tokens.links;
    for (const token of tokens.slice(0, Math.max(open, 0))) {
      this.settledLength += token.raw.length;
      if (isShown(token)) this.settled.push(blockOf(token, links));
    }
    const before = this.tail[0];
    this.tail = tokens.slice(Math.max(open, 0)).flatMap((token) => {
      if (!isShown(token)) return [];
      return before?.raw === token.raw ? [before] : [blockOf(token, links)];
    });
    return [...this.settled, ...this.tail];
  }
}

const isShown = ({ type }: Token): boolean => type !== "space" && type !== "def";

function blockOf(token: Token, links: object): Block {
  if (token.type === "code") {
    const { text, lang, raw } = token as Tokens.Code;
    return { kind: "code", raw, language: (lang ?? "").split(/\s/)[0] ?? "", code: text };
  }
  const one = Object.assign([token], { links });
  return { kind: "html", raw: token.raw, html: sanitize(marked.parser(one as Token[])) };
}
