// The runs in the store: those that go on move; any can be opened, two compared, one deleted.

import { html, svg, unbroken } from "../../dom";
import { plot } from "../../frame";
import { line } from "../../path";
import { extent, roomy } from "../../scale";
import { count, cut, number } from "../../words";
import { isTraining, type KeptRun, type OpenedRun, type RunList } from "../contract";
import { get, remove, Refused } from "../server";
import { makeNetworks } from "./networks";
import { makeOpened } from "./opened";
import type { Room } from "./room";

const BEAT = 500; // milliseconds between two looks at what moves
const AGAIN = 5000; // where the server did not answer

export function makeRuns(): Room {
  const said = html("p", { role: "status" });
  const list = html("ul", { class: "runs", "aria-label": "Runs" });
  const opened = makeOpened((id) => rows.get(id)?.element.querySelector("button")?.focus());
  const both = html("div", { class: "opened" });
  const networks = makeNetworks(async (id) => {
    window.clearTimeout(timer);
    await look();
    await act.open(id);
  });
  const element = html("div", {}, networks.element, said, list, opened.element, both);
  const known = new Map<string, KeptRun>();
  const rows = new Map<string, Row>();
  let since: number | null = null;
  let timer = 0;
  let isOpen = false;
  const chosen: string[] = [];

  const tried = (work: () => Promise<void>): Promise<boolean> => triedOr(said, work);
  const look = async (): Promise<void> => {
    const answered = await tried(async () => {
      const query = since === null ? "" : `?since=${encodeURIComponent(since)}`;
      const found = (await get(`/api/runs${query}`)) as RunList;
      since = found.now;
      for (const run of found.runs) known.set(run.id, run);
      arrange(found.ids);
      await opened.follow(known);
    });
    if (isOpen) timer = window.setTimeout(() => void look(), answered ? BEAT : AGAIN);
  };
  const arrange = (ids: string[]): void => {
    said.textContent = ids.length
      ? ""
      : "No runs are kept yet. Every steepest fit, steepest train and steepest.watch adds one.";
    arranged(list, rows, ids, known, act);
  };
  const act = {
    open: (id: string): Promise<boolean> =>
      tried(async () => {
        both.replaceChildren();
        await opened.open(id);
      }),
    compare: async (id: string, wanted: boolean): Promise<void> => {
      if (wanted) chosen.push(id);
      else chosen.splice(chosen.indexOf(id), 1);
      if (chosen.length > 2) rows.get(chosen.shift()!)?.unchoose();
      if (chosen.length < 2) return;
      await tried(async () => {
        const asked = chosen.map((one) => get(`/api/runs/${encodeURIComponent(one)}`));
        const runs = (await Promise.all(asked)) as OpenedRun[];
        opened.clear();
        both.replaceChildren();
        compare(both, runs);
      });
    },
    delete: (id: string): Promise<boolean> =>
      tried(async () => {
        await remove(`/api/runs/${encodeURIComponent(id)}`);
        rows.get(id)?.element.remove();
        rows.delete(id);
      }),
  };
  return {
    title: "Kept runs",
    element,
    draw() {
      isOpen = true;
      void networks.draw();
      window.clearTimeout(timer);
      void look();
    },
    close() {
      isOpen = false;
      window.clearTimeout(timer);
    },
  };
}

/** Whether the work was done; else why not is said. */
async function triedOr(said: HTMLElement, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    said.textContent = error instanceof Refused ? error.message : String(error);
    return false;
  }
}

/** One row a run, in the order of `ids`; the rows of runs that are gone go too. */
function arranged(
  list: HTMLElement,
  rows: Map<string, Row>,
  ids: string[],
  known: Map<string, KeptRun>,
  act: Acts,
): void {
  for (const [id, row] of rows) {
    if (ids.includes(id)) continue;
    row.element.remove();
    rows.delete(id);
  }
  ids.forEach((id, place) => {
    const run = known.get(id);
    if (!run) return;
    const row = rows.get(id) ?? makeRow(run, act);
    rows.set(id, row);
    row.show(run);
    if (list.children[place] !== row.element)
      list.insertBefore(row.element, list.children[place] ?? null);
  });
}

const EXPORTS: Record<string, string> = {
  csv: "CSV, step by step",
  json: "JSON, all of it",
  pytorch: "a script of PyTorch",
  jax: "a script of JAX",
};

interface Acts {
  open: (id: string) => Promise<unknown>;
  compare: (id: string, wanted: boolean) => Promise<void>;
  delete: (id: string) => Promise<unknown>;
}

type Row = ReturnType<typeof makeRow>;

function makeRow(run: KeptRun, act: Acts) {
  const { id, formula, name } = run;
  const words = html("p", {});
  const aside = html("p", { class: "notes" });
  const called = cut(name || formula || id, 60);
  const press = (text: string, does: () => void): HTMLButtonElement => {
    const button = html("button", { type: "button", "aria-label": `${text} ${called}` }, text);
    button.addEventListener("click", does);
    return button;
  };
  const both = press("Compare", () => {
    const wanted = both.getAttribute("aria-pressed") !== "true";
    both.setAttribute("aria-pressed", String(wanted));
    void act.compare(id, wanted);
  });
  both.setAttribute("aria-pressed", "false");
  const report = html(
    "a",
    { href: `/api/runs/${encodeURIComponent(id)}/report`, download: true },
    "Report",
  );
  // What has no formula is no descent that a script could repeat, nor is a training.
  const kinds = formula && !isTraining(run) ? Object.keys(EXPORTS) : ["csv", "json"];
  const exported = kinds.map((kind) =>
    html(
      "a",
      { href: `/api/runs/${encodeURIComponent(id)}/export?to=${kind}`, download: true },
      EXPORTS[kind]!,
    ),
  );
  const more = html("details", { class: "copy" }, html("summary", {}, "Export"));
  more.append(html("div", { class: "menu" }, ...exported));
  const buttons = html("div", { class: "row-buttons" });
  const ask = press("Delete", () => {
    const sure = press("Delete for good", () => void act.delete(id));
    const keep = press("Keep", () => {
      buttons.replaceChildren(...usual);
      ask.focus();
    });
    buttons.replaceChildren(sure, keep);
    keep.focus();
  });
  const usual = [press("Open", () => void act.open(id)), both, report, more, ask];
  buttons.append(...usual);
  const element = html("li", {}, html("div", {}, words, aside), buttons);
  return {
    element,
    unchoose: () => both.setAttribute("aria-pressed", "false"),
    show({ headline, status, loss, steps, optimizer, lr, started }: KeptRun): void {
      words.replaceChildren(...unbroken(headline || called));
      const facts = [
        called,
        status === "running" ? "running" : null,
        optimizer,
        lr === null || lr === undefined ? null : `learning rate ${number(lr, 4)}`,
        steps === null || steps === undefined ? null : `${count(steps)} steps`,
        typeof loss === "number" ? `loss ${number(loss, 5)}` : null,
        started ? new Date(started).toLocaleString() : null,
      ];
      aside.textContent = facts.filter(Boolean).join(" · ");
    },
  };
}

function compare(host: HTMLElement, runs: OpenedRun[]): void {
  const curves = runs.map(
    ({ document, curve }) => document?.trace ?? curve ?? { step: [], loss: [] },
  );
  const place = html("div", { class: "drawing middling" });
  const list = html("ul", { class: "legend", "aria-label": "The two runs" });
  runs.forEach(({ summary }, index) => {
    const picture = svg("svg", { viewBox: "-11 -7 22 14", "aria-hidden": "true" });
    picture.append(svg("path", { class: `weight w${index ? 3 : 0}`, d: "M-11,0H11" }));
    const words = cut(summary.headline || summary.name || summary.formula || summary.id, 240);
    list.append(html("li", {}, picture, words));
  });
  host.append(html("h2", { class: "sub" }, "The loss of both, by step"), place, list);
  const losses = curves.flatMap(({ loss }) => loss).filter((loss) => typeof loss === "number");
  const all = extent("linear", losses) ?? [0, 1];
  const kind = all[0] > 0 && all[1] > 10 * all[0] ? "log" : "linear";
  const most = Math.max(1, ...curves.map(({ step }) => step.at(-1) ?? 0));
  const width = Math.max(260, Math.min(900, host.clientWidth));
  const frame = plot(place, { width, height: 280 }, "The loss of both runs by step", {
    x: { axis: { label: "step", scale: most > 100 ? "symlog" : "linear" }, domain: [0, most] },
    y: { axis: { label: "loss", scale: kind }, domain: roomy(kind, extent(kind, all)) },
  });
  curves.forEach(({ step, loss }, index) => {
    const path = line(
      step.length,
      (at) => frame.x(step[at]!),
      (at) => frame.y(typeof loss[at] === "number" ? loss[at] : NaN),
    );
    frame.path(`weight w${index ? 3 : 0}`, path);
  });
  host.scrollIntoView({ block: "nearest" });
}
