// What a model or a tool says may be hostile. This is the one place that makes HTML of it.
import DOMPurify, { type Config } from "dompurify";

const purify = DOMPurify(window);

purify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  node.setAttribute("target", "_blank");
  node.setAttribute("rel", "noopener noreferrer nofollow");
});

const rules = {
  // No images, styles, forms or frames: nothing of the text loads or is sent anywhere.
  ALLOWED_TAGS: [
    "a", "b", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "kbd", "li",
    "mark", "ol", "p", "pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
  ],
  ALLOWED_ATTR: ["align", "href", "start", "title"],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
  ADD_URI_SAFE_ATTR: ["align", "start"],
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
  RETURN_TRUSTED_TYPE: true,
} satisfies Config;

/** Returns the HTML without anything that could run, load or pretend. */
export function sanitize(html: string): string {
  // With trusted types this is a TrustedHTML, which innerHTML takes as it takes a text.
  return purify.sanitize(html, rules) as unknown as string;
}
