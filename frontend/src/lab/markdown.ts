// The little Markdown that a lesson is written in: paragraphs, lists, lines of code, and words in them.

import { html } from "../dom";

const INLINE = /(`[^`]+`|\*\*[^*]+\*\*|\*[^*]+\*)/;

/** A text as elements; nothing in it is read as HTML. */
export function written(text: string): HTMLElement[] {
  return text
    .split(/\n\s*\n/)
    .filter((block) => block.trim())
    .map((block) => {
      const lines = block.replace(/^\n+|\s+$/g, "").split("\n");
      if (lines.every((line) => line.startsWith("    "))) {
        return html("pre", { class: "torch" }, lines.map((line) => line.slice(4)).join("\n"));
      }
      if (lines[0]!.startsWith("- ")) {
        const items = lines.join("\n").split(/^- /m).filter(Boolean);
        return html("ul", {}, ...items.map((item) => html("li", {}, ...inline(item))));
      }
      return html("p", {}, ...inline(lines.join(" ")));
    });
}

/** Words with the sign that the page has before numbers. */
export const withMinus = (text: string): string => text.replace(/(^|[\s(])-(?=\d)/g, "$1−");

const inline = (text: string): (Node | string)[] =>
  text.split(INLINE).map((part, place) => {
    if (place % 2 === 0) return withMinus(part);
    if (part.startsWith("`")) return html("code", {}, part.slice(1, -1));
    return part.startsWith("**")
      ? html("strong", {}, part.slice(2, -2))
      : html("em", {}, part.slice(1, -1));
  });
