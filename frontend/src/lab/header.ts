// What is descended on, and how: the example or file, the formula, and the descent's settings.

import { html } from "../dom";
import { copied } from "../verdict";
import { isShort } from "./projector";
import { cut, number } from "../words";
import type { Example, Problem, Upload } from "./contract";
import { LOSSES, OPTIMIZERS, USUAL } from "./methods";

export interface Header {
  element: HTMLElement;
  offer: (examples: Example[]) => void;
  show: (problem: Problem, start: Record<string, number> | null) => void;
  /** The server's sentence, at the field it is about; null takes it away. */
  refuse: (sentence: string | null, field?: string | null) => void;
  refusal: () => string;
  preview: (upload: Upload | null) => void;
  texts: (command: string, python: string, pytorch: string | null) => void;
  busy: (yes: boolean) => void;
}

export interface Wishes {
  example: (example: Example) => void;
  file: (file: File) => void;
  change: (part: Partial<Problem>) => void;
  report: () => Promise<void>;
  lab: () => Promise<void>;
  theme: () => void;
  /** The button that enters the lesson. */
  enter: HTMLElement;
}

/** Those whose momentum can be set here. */
const WITH_MOMENTUM = Object.keys(OPTIMIZERS).filter(
  (name) => OPTIMIZERS[name]!.momentum && !OPTIMIZERS[name]!.adaptive,
);

export function makeHeader(wishes: Wishes): Header {
  const fields = makeFields();
  const { problemOf, formula, steps, start, momentum } = fields;
  const refused = html("pre", { class: "refused", id: "refused", role: "alert" });
  const says = html("p", { class: "says" });
  const seen = html("div", { class: "preview" });
  const menu = makeCopyMenu();
  const saving = [saveButton("Save report", wishes.report), saveButton("Save lab", wishes.lab)];
  const actions = [wishes.enter, menu.element, ...saving, themeButton(wishes.theme)];
  const { element, show: showFields } = laidOut(fields, wishes, actions);
  element.append(refused, says, seen);

  let examples: Example[] = [];
  let shown: Problem | null = null;
  let dropped: Upload | null = null;
  const refuse = (sentence: string | null, at: string | null = null): void => {
    refused.textContent = sentence ?? "";
    for (const input of [formula, steps, start, momentum]) {
      if (sentence && at === input.id) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
  };
  const list = (): void => {
    problemOf.replaceChildren(
      ...examples.map(({ id, title }) => html("option", { value: id }, title)),
    );
    const other = shown?.upload === dropped?.upload ? dropped?.name : "Data of the lesson";
    if (other) problemOf.append(html("option", { value: "" }, other));
    problemOf.value = shown?.example ?? "";
  };
  problemOf.addEventListener("change", () => {
    const found = examples.find(({ id }) => id === problemOf.value);
    if (found) wishes.example(found);
    else if (dropped && shown?.example !== null)
      wishes.change({ example: null, upload: dropped.upload });
  });
  hear(fields, wishes.change, refuse);

  return {
    element,
    offer(given) {
      examples = given;
      list();
    },
    show(problem, begins) {
      shown = problem;
      list();
      showFields(problem, begins);
      says.textContent = examples.find(({ id }) => id === problem.example)?.says ?? "";
      if (problem.upload === null) seen.replaceChildren();
    },
    refuse,
    refusal: () => refused.textContent ?? "",
    preview(upload) {
      dropped = upload ?? dropped;
      seen.replaceChildren(...(upload ? [previewOf(upload)] : []));
      list();
    },
    texts: menu.texts,
    busy: (yes) => element.setAttribute("aria-busy", String(yes)),
  };
}

type Fields = ReturnType<typeof makeFields>;

function makeFields() {
  const formula = html("input", {
    id: "formula",
    type: "text",
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
    "aria-describedby": "refused",
  });
  return {
    problemOf: html("select", { id: "example" }),
    formula,
    loss: select("loss", Object.keys(LOSSES)),
    optimizer: select("optimizer", Object.keys(OPTIMIZERS)),
    momentum: html("input", { id: "momentum", type: "text", inputmode: "decimal" }),
    steps: html("input", { id: "steps", type: "text", inputmode: "numeric" }),
    start: html("input", { id: "start", type: "text", spellcheck: "false" }),
    standardize: html("input", { id: "standardize", type: "checkbox" }),
  };
}

/** The fields in their rows, and what writes a problem into them. */
function laidOut(fields: Fields, wishes: Wishes, actions: HTMLElement[]) {
  const { problemOf, formula, loss, optimizer, momentum, steps, start, standardize } = fields;
  const lossField = field("Loss", loss);
  const momentumField = field("Momentum", momentum);
  const check = html("label", { class: "check" }, standardize, "Standardize columns");
  const bar = html(
    "div",
    { class: "bench-bar" },
    html("p", { class: "brand" }, "Steepest"),
    field("Example or data", problemOf),
    ...opener(wishes.file),
    field("Formula", formula, "formula-field"),
    html("div", { class: "actions" }, ...actions),
  );
  const row = html(
    "div",
    { class: "settings-row" },
    lossField,
    field("Optimizer", optimizer),
    momentumField,
    field("Steps", steps, "short"),
    field("Start", start, "start-field"),
    check,
  );
  const wide = !window.matchMedia("(max-width: 640px)").matches && !isShort();
  const summary = html("summary", {}, "Settings");
  const settings = html("details", { class: "settings", open: wide }, summary, row);
  return {
    element: html("header", { class: "bench" }, bar, settings),
    show(problem: Problem, begins: Record<string, number> | null): void {
      formula.value = problem.formula;
      loss.value = problem.loss ?? USUAL;
      lossField.hidden = problem.command === "minimize";
      optimizer.value = problem.optimizer;
      momentum.value = problem.momentum === null ? "" : String(problem.momentum);
      momentum.placeholder = "0.9";
      momentumField.hidden = !WITH_MOMENTUM.includes(problem.optimizer);
      steps.value = String(problem.steps);
      standardize.checked = problem.standardize;
      check.hidden = problem.command === "minimize";
      const from = Object.entries(begins ?? problem.start);
      start.value = from.map(([name, value]) => `${name}=${plain(value)}`).join(", ");
    },
  };
}

/** What is changed by hand is wished for, or refused where it is no such thing. */
function hear(
  { formula, loss, optimizer, momentum, steps, start, standardize }: Fields,
  change: Wishes["change"],
  refuse: (sentence: string, at: string) => void,
): void {
  formula.addEventListener("change", () => change({ formula: formula.value }));
  loss.addEventListener("change", () => change({ loss: loss.value }));
  optimizer.addEventListener("change", () => {
    const keeps = WITH_MOMENTUM.includes(optimizer.value);
    // Each optimizer has a learning rate of its own that suits it, and a solver has none.
    const chosen = { optimizer: optimizer.value, lr: "auto" as const };
    change({ ...chosen, ...(keeps ? {} : { momentum: null }) });
  });
  standardize.addEventListener("change", () => change({ standardize: standardize.checked }));
  steps.addEventListener("change", () => {
    const given = Number(steps.value.replaceAll(",", ""));
    if (Number.isInteger(given) && given > 0) change({ steps: given });
    else refuse(`Steps must be a whole number above 0. Given: ${steps.value}.`, "steps");
  });
  momentum.addEventListener("change", () => {
    const given = momentum.value.trim() === "" ? null : Number(momentum.value);
    if (given === null || (given >= 0 && given < 1)) change({ momentum: given });
    else refuse(`Momentum is a number from 0 to below 1. Given: ${momentum.value}.`, "momentum");
  });
  start.addEventListener("change", () => {
    const given = readStart(start.value);
    if (typeof given === "string") refuse(given, "start");
    else change({ start: given });
  });
}

/** A button that opens a file. */
function opener(chosen: (file: File) => void): HTMLElement[] {
  const file = html("input", {
    type: "file",
    accept: ".csv,.tsv,.txt,text/csv",
    "aria-label": "A CSV file",
    class: "quiet-file",
    tabindex: -1,
  });
  const open = html("button", { type: "button" }, "Open a CSV…");
  open.addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    const [first] = file.files ?? [];
    if (first) chosen(first);
    file.value = "";
  });
  return [open, file];
}

function saveButton(label: string, save: () => Promise<void>): HTMLElement {
  const button = html("button", { type: "button" }, label);
  button.addEventListener("click", async () => {
    button.disabled = true;
    button.textContent = "Saving…";
    await save();
    button.disabled = false;
    button.textContent = label;
  });
  return button;
}

function themeButton(turn: Wishes["theme"]): HTMLElement {
  const theme = html("button", { type: "button", "aria-label": "Light or dark" }, "◐");
  theme.addEventListener("click", turn);
  return theme;
}

/** Digits as they are written in a formula, without the marks of a sentence. */
const plain = (value: number): string => String(Number(value.toPrecision(7)));

function readStart(text: string): Record<string, number> | string {
  const found: Record<string, number> = {};
  for (const part of text.split(",").filter((piece) => piece.trim())) {
    const [name, value, more] = part.split("=").map((piece) => piece.trim());
    if (!name || !value || more !== undefined || !Number.isFinite(Number(value))) {
      return `A start is a name, = and a number. Given: ${part.trim()}. Write a=0.1, b=2.`;
    }
    found[name] = Number(value);
  }
  return found;
}

function select(id: string, options: string[]): HTMLSelectElement {
  const element = html("select", { id });
  element.append(...options.map((value) => html("option", { value }, value)));
  return element;
}

const field = (label: string, input: HTMLElement, name = ""): HTMLElement =>
  html("div", { class: `field ${name}`.trim() }, html("label", { for: input.id }, label), input);

function previewOf({ upload, name, rows, columns, preview, notes }: Upload): HTMLElement {
  const head = html("tr", {}, ...columns.map((column) => html("th", { scope: "col" }, column)));
  const body = preview.map((row) =>
    html("tr", {}, ...row.map((cell) => html("td", {}, String(cell)))),
  );
  const table = html("table", {}, html("thead", {}, head), html("tbody", {}, ...body));
  const many = `${name}: ${number(rows)} ${rows === 1 ? "row" : "rows"} of `;
  const told = html("summary", {}, `${many}${cut(columns.join(", "), 160)}`);
  const kept = html("a", { href: `/api/uploads/${upload}`, download: name }, "Save as CSV");
  const block = html("div", {}, html("details", {}, told, scrolled(table), kept));
  if (notes.length) {
    const list = html("ul", { class: "faults", "aria-label": "About this data" });
    list.append(...notes.map((note) => html("li", {}, note)));
    block.append(list);
  }
  return block;
}

function scrolled(table: HTMLElement): HTMLElement {
  const name = { role: "group", "aria-label": "The first rows" };
  return html("div", { class: "table", tabindex: 0, ...name }, table);
}

function makeCopyMenu() {
  const said = html("span", { class: "done", role: "status" });
  const menu = html("div", { class: "menu" });
  const element = html("details", { class: "copy" }, html("summary", {}, "Copy as"), menu);
  const given = new Map<string, string | null>();
  const items = ["command", "Python", "PyTorch"].map((name) => {
    const button = html("button", { type: "button", disabled: true }, name);
    button.addEventListener("click", async () => {
      const text = given.get(name) ?? "";
      // Where the clipboard is closed, the text itself is selected.
      const shown = html("code", { class: "to-copy" }, text);
      menu.append(shown);
      const done = await copied(shown, text);
      if (done) shown.remove();
      said.textContent = done ? `${name} copied` : "Press Ctrl+C";
      window.setTimeout(() => {
        said.textContent = "";
        shown.remove();
        if (done) element.open = false;
      }, 1500);
    });
    return button;
  });
  menu.append(...items, said);
  document.addEventListener("click", (event) => {
    if (event.target instanceof Node && !element.contains(event.target)) element.open = false;
  });
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !element.open) return;
    element.open = false;
    element.querySelector("summary")?.focus();
  });
  return {
    element,
    texts(command: string, python: string, pytorch: string | null) {
      for (const [index, text] of [command, python, pytorch].entries()) {
        given.set(items[index]!.textContent ?? "", text);
        items[index]!.disabled = !text;
      }
    },
  };
}
