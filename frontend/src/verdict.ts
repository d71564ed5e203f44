// Words first: the headline, what was found, and what would help.

import type { Board } from "./data";
import { html, unbroken } from "./dom";

export function makeVerdict(board: Board): HTMLElement {
  const element = html("header", { class: "verdict" });
  if (board.formula) element.append(html("p", { class: "formula" }, board.formula));
  if (board.headline) {
    const tag = document.querySelector("h1") ? "h2" : "h1";
    element.append(html(tag, { class: "headline" }, ...unbroken(board.headline)));
  }
  if (board.findings.length) element.append(makeFindings(board.findings));
  if (board.remedies.length) {
    const list = html("ul", { class: "remedies", "aria-label": "Remedies" });
    for (const { sentence, command } of board.remedies) {
      const item = html("li", {}, html("span", { class: "sentence" }, ...unbroken(sentence)));
      if (command) item.append(commandLine(command));
      list.append(item);
    }
    element.append(list);
  }
  return element;
}

export function makeFindings(findings: Board["findings"]): HTMLElement {
  const list = html("ul", { class: "findings", "aria-label": "Findings" });
  for (const { code, severity, sentence } of findings) {
    list.append(
      html(
        "li",
        { class: ["error", "warning", "info"].includes(severity) ? severity : "info" },
        html("span", { class: "severity" }, severity),
        html("span", { class: "sentence" }, ...unbroken(sentence)),
        html("span", { class: "code" }, code),
      ),
    );
  }
  return list;
}

function commandLine(command: string): HTMLElement {
  // A line ends between words, not after the dashes of an option.
  const words = command.split(/( +)/);
  const code = html("code", {}, ...words.map((word) => html("span", {}, word)));
  const button = html("button", { type: "button", "aria-label": "Copy the command" }, "Copy");
  const done = html("span", { class: "done", role: "status" });
  button.addEventListener("click", async () => {
    done.textContent = (await copied(code, command)) ? "copied" : "selected: press Ctrl+C";
    window.setTimeout(() => (done.textContent = ""), 2000);
  });
  return html("div", { class: "command" }, code, button, done);
}

/** Copies, or at least selects: a page without permission may not write the clipboard. */
export async function copied(code: HTMLElement, command: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(command);
    return true;
  } catch {
    window.getSelection()?.selectAllChildren(code);
    return document.execCommand("copy");
  }
}
