// The entry: `Steepest.mount(element, board)`, and a report page's board mounts by itself.

import { mount, type Handle, type Options } from "./board";

export { mount };
export type { Handle, Options };

function mountPage(): void {
  const data = document.getElementById("board");
  if (!(data instanceof HTMLScriptElement) || data.type !== "application/json") return;
  const place =
    document.getElementById("steepest") ??
    document.body.appendChild(document.createElement("main"));
  mount(place, JSON.parse(data.textContent ?? "null"));
}

if (document.readyState === "loading") {
  document.addEventListener("DOMContentLoaded", mountPage, { once: true });
} else {
  mountPage();
}
