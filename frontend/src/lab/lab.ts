// The page: a problem goes to the server, and what comes back is shown. All state is here.

import { makePanel, type Panel } from "../board";
import { makeCursor } from "../cursor";
import { html, reachable } from "../dom";
import { makeTimeline, type Readings } from "../timeline";
import { count, number } from "../words";
import { understood, written, type Place } from "./address";
import {
  placeOf,
  readJudged,
  readLive,
  type Example,
  type Judged,
  type Live,
  type Problem,
  type Remedy,
  type Upload,
  type Window,
} from "./contract";
import { makeHeader } from "./header";
import { makeOpinion } from "./opinion";
import { makePlayer } from "./player";
import { makeRooms } from "./rooms/rooms";
import { descentAt, descentOf, frameAt, sceneOf, type Descent, type Scene } from "./scene";
import { fetched, get, isAborted, newest, oneAtATime, post, Refused, upload } from "./server";
import { makeRateSlider, rateWords, zoneAt } from "./slider";
import { guessedFormula } from "./formula";
import { makeTheme } from "./theme";
import { paintContour } from "./views/contour";
import { paintFit } from "./views/fit";
import { paintLoss } from "./views/loss";
import { makeView, type View } from "./views/view";
import { paintWeights } from "./views/weights";

const REST = 250; // milliseconds after which a slider rests, and the run is judged

/** Which figures a finding speaks of. */
const SPEAKS_OF: Record<string, string[]> = {
  SD101: ["loss"],
  SD102: ["loss"],
  SD103: ["spectrum"],
  SD201: ["contour", "spectrum"],
  SD202: ["spectrum"],
  SD203: ["spectrum"],
  SD204: ["function", "contour"],
  SD205: ["loss"],
  SD206: ["loss"],
  SD301: ["fit"],
  SD302: ["fit"],
  SD303: ["pulls"],
  SD304: ["contour"],
};

export async function openLab(root: HTMLElement): Promise<void> {
  let place: Place = { problem: EMPTY, step: null, plane: null, part: null, before: null };
  let examples: Example[] = [];
  let scene: Scene | null = null;
  let descent: Descent | null = null;
  let judged: Judged | null = null;
  let panels: Panel[] = [];
  let former: { problem: Problem; ghost: NonNullable<Scene["ghost"]> } | null = null;
  let writing = 0;
  let resting = 0;

  const cursor = makeCursor(1, 0);
  const readings: Readings = { frames: [0, 1], loss: [], weights: [], values: [], gradient: [] };

  // What one sees, from the top down.
  const header = makeHeader({
    example: ({ problem }) => void ask({ ...problem }, { keep: false }),
    file: (file) => void take(file),
    change: (part) => void ask({ ...place.problem, ...part }, { keep: true }),
    report: () => saveReport(),
    theme: makeTheme(),
  });
  const slider = makeRateSlider((index) => move(index));
  const opinion = makeOpinion(
    (remedy) => tryIt(remedy),
    () => place.before && void ask(place.before, { keep: false }),
  );
  const views: View[] = [
    makeView("fit", "The model over the data", paintFit),
    makeView("loss", "The loss by step", paintLoss(cursor)),
    makeView(
      "contour",
      "The loss from above",
      paintContour((moved, done) => drag(moved, done)),
    ),
    makeView("courses", "The weights", paintWeights),
  ];
  const live = html("div", { class: "live", role: "group", "aria-label": "Figures" });
  live.append(...views.map(({ element }) => element));
  const planes = makePlaneChoice((pair) => {
    place = { ...place, plane: pair };
    void ask(place.problem, { keep: true });
  });
  views[2]!.element.append(planes.element);
  const player = makePlayer(cursor, (part) => {
    place = { ...place, part };
    write();
  });
  const grid = html("div", { class: "figures" });
  const rest = html("section", { class: "rest", "aria-label": "More figures" });
  rest.append(html("h2", {}, "More of this run"), grid);
  const rooms = makeRooms(() => place.problem);
  const timeline = makeTimeline(root, readings, cursor);
  const onward = html("button", { type: "button" }, "Start from this step");
  onward.addEventListener("click", () => startHere());
  player.parts.append(onward);
  timeline.element.prepend(player.parts);
  const main = html("div", { class: "main" });
  main.append(slider.element, opinion.element, live, player.element, opinion.details, rest);
  main.append(rooms.element);
  root.replaceChildren(header.element, main, timeline.element);
  rest.hidden = true;
  main.hidden = true;
  timeline.element.hidden = true;

  const write = (): void => {
    window.clearTimeout(writing);
    writing = window.setTimeout(() => {
      history.replaceState(null, "", `#${written(place)}`);
    }, 150);
  };

  cursor.onMove((frame) => {
    if (!descent) return;
    for (const view of views) view.show(descent, frame);
    if (judged) for (const panel of panels) panel.show(frame);
    player.show(frame);
    rooms.show(frame);
    place = { ...place, step: frame === cursor.last ? null : (descent.frames[frame] ?? null) };
    write();
  });

  /** Another descent under the cursor, which stays at its step. */
  const follow = (next: Descent): void => {
    descent = next;
    Object.assign(readings, { frames: next.frames, loss: next.loss });
    const at = place.step === null ? next.frames.length - 1 : frameAt(next.frames, place.step);
    const { step } = place;
    cursor.resize(next.frames.length, at);
    place = { ...place, step };
  };

  const move = (index: number): void => {
    if (!scene) return;
    judged = null;
    const lr = scene.live.rates[index]!;
    place = { ...place, problem: { ...place.problem, lr } };
    player.judge(null);
    rest.inert = true;
    rest.classList.add("stale");
    opinion.say(quickWords(scene.live, index));
    follow(descentAt(scene.live, index));
    rooms.stale();
    judgeSoon();
    write();
  };

  const judgeSoon = (): void => {
    window.clearTimeout(resting);
    judge.stop();
    help.stop();
    resting = window.setTimeout(() => void judge(place.problem), REST);
  };

  const help = newest(async (signal, problem: Problem) => {
    opinion.remediesWait("Running what may help…");
    try {
      const found = (await post("/api/remedies", problem, signal)) as { remedies: Remedy[] };
      opinion.remedies(found.remedies);
    } catch (error) {
      if (!isAborted(error)) opinion.remediesWait(told(error));
    }
  });

  const judge = newest(async (signal, problem: Problem) => {
    try {
      const found = readJudged(await post("/api/board", problem, signal));
      if (signal.aborted || !scene) return;
      judged = found;
      opinion.judge(found);
      header.texts(found.command, found.python, found.pytorch);
      follow(descentOf(found, scene.live, Number(problem.lr)));
      entitle(found, scene.live);
      drawRest(found);
      player.judge(found, scene, descent!);
      rooms.judge(scene, descent!, found);
      void help(problem);
    } catch (error) {
      if (!isAborted(error)) opinion.fail(told(error));
    }
  });

  /** The judged sentences over the live figures. */
  const entitle = ({ board }: Judged, { contour }: Live): void => {
    for (const view of views) {
      const kinds = view.kind === "fit" ? ["fit", "function"] : [view.kind];
      const figure = board.figures.find(
        (known) =>
          kinds.includes(known.kind) &&
          (known.kind !== "contour" || String(known.weights) === String(contour?.weights)),
      );
      if (figure) view.entitle(figure.title);
    }
    for (const view of views) view.mark(codesFor(board, view.kind));
  };

  const drawRest = ({ board }: Judged): void => {
    const shown = board.figures.filter(
      (figure) =>
        !["fit", "loss", "sweep", "function", "surface"].includes(figure.kind) &&
        !(
          figure.kind === "contour" &&
          String(figure.weights) === String(scene?.live.contour?.weights)
        ),
    );
    panels = shown.map((figure) => makePanel(board, figure, cursor));
    panels.forEach((panel, index) => {
      const codes = codesFor(board, shown[index]!.kind);
      if (codes) panel.element.querySelector("figcaption")?.append(codeMark(codes));
    });
    grid.replaceChildren(...panels.map(({ element }) => element));
    rest.hidden = !panels.length;
    rest.inert = false;
    rest.classList.remove("stale");
    for (const panel of panels) panel.draw();
    reachable(grid);
  };

  const windowOf = (pair: [string, string] | null): { plane?: Window } => {
    if (!pair || !scene) return {};
    const { weights, minimum, values } = scene.live;
    const span = (name: string): [number, number] => {
      const index = weights.indexOf(name);
      const begin = values[0]?.[0]?.[index] ?? NaN;
      const ends = [begin, minimum?.weights[name] ?? begin].filter(Number.isFinite);
      const [low, high] = [Math.min(...ends), Math.max(...ends)];
      const room = (high - low || Math.abs(low) || 1) * 0.25;
      return [low - room, high + room];
    };
    if (!pair.every((name) => weights.includes(name))) return {};
    return { plane: { weights: pair, x: span(pair[0]), y: span(pair[1]) } };
  };

  const draw = (next: Scene, problem: Problem): void => {
    const index = placeOf(next.live, problem.lr);
    scene = next;
    judged = null;
    main.hidden = false;
    timeline.element.hidden = false;
    // A problem without learning rates to choose has nothing to slide.
    slider.element.hidden = !next.live.rates.length;
    for (const view of views) view.draw(next);
    planes.offer(next.live.weights, next.live.contour?.weights ?? null);
    player.judge(null);
    rest.inert = true;
    rest.classList.add("stale");
    if (!next.live.rates.length) return;
    slider.draw(next);
    slider.go(index);
    opinion.say(quickWords(next.live, index));
    follow(descentAt(next.live, index));
    rooms.stale();
  };

  /** A new problem. `keep`: the cursor stays at its step, and the former descent in sight. */
  const look = newest(async (signal, problem: Problem, keep: boolean) => {
    header.busy(true);
    try {
      const plane = keep ? windowOf(place.plane) : {};
      const answer = readLive(await post("/api/live", { ...problem, ...plane }, signal));
      if (signal.aborted) return;
      header.refuse(null);
      header.show(problem, answer.start);
      place = { ...place, problem, ...(keep ? {} : FRESH) };
      const next = { ...sceneOf(answer, problem.standardize), ghost: await ghostOf(place.before) };
      if (signal.aborted) return;
      opinion.compare(next.ghost ? COMPARED : null);
      draw(next, problem);
      judgeSoon();
      write();
    } catch (error) {
      if (isAborted(error)) return;
      header.refuse(told(error), error instanceof Refused ? error.field : null);
      main.classList.toggle("failed", scene === null);
    } finally {
      if (!signal.aborted) header.busy(false);
    }
  });
  const ask = (problem: Problem, { keep }: { keep: boolean }): Promise<void> => {
    window.clearTimeout(resting);
    judge.stop();
    help.stop();
    header.show(problem, Object.keys(problem.start).length ? problem.start : null);
    return look(problem, keep);
  };

  /** The descent before, as it ran: its own learning rate among its own. */
  const ghostOf = async (before: Problem | null): Promise<Scene["ghost"]> => {
    if (!before) return null;
    if (former?.problem === before) return former.ghost;
    const found = sceneOf(readLive(await post("/api/live", before)), before.standardize);
    const shown = descentAt(found.live, placeOf(found.live, before.lr));
    return { live: found.live, model: found.model, descent: shown, scaled: before.standardize };
  };

  const tryIt = ({ problem, change }: Remedy): void => {
    if (!problem || !scene || !descent) return;
    const { live, model, scaled } = scene;
    former = { problem: place.problem, ghost: { live, model, descent, scaled } };
    place = { ...place, before: place.problem, step: null };
    announce(`Trying: ${change}`);
    void ask(problem, { keep: true });
    slider.element.scrollIntoView({ block: "nearest" });
  };

  const drag = (() => {
    const run = oneAtATime(async ({ to, done }: { to: Record<string, number>; done: boolean }) => {
      if (!scene?.live.contour) return;
      const { weights, grid_x, grid_y } = scene.live.contour;
      const plane = { weights, x: ends(grid_x), y: ends(grid_y) };
      try {
        const body = { ...place.problem, drag: to, plane, again: true };
        const found = readLive(await post("/api/live", body), scene.live);
        const next = { ...sceneOf(found, scene.scaled), ghost: scene.ghost };
        place = { ...place, problem: { ...place.problem, start: found.start } };
        if (done) {
          header.show(place.problem, found.start);
          draw(next, place.problem);
          judgeSoon();
          write();
          return;
        }
        scene = next;
        slider.draw(next);
        slider.go(placeOf(found, place.problem.lr));
        // The plane stays as it is while a hand is on it.
        for (const view of views) if (view.kind !== "contour") view.draw(next);
        opinion.say(quickWords(found, placeOf(found, place.problem.lr)));
        follow(descentAt(found, placeOf(found, place.problem.lr)));
      } catch (error) {
        if (!isAborted(error)) header.refuse(told(error));
      }
    });
    return (to: Record<string, number>, done: boolean): void => {
      judge.stop();
      help.stop();
      judged = null;
      window.clearTimeout(resting);
      run({ to, done });
    };
  })();

  /** The descent goes on from the step under the cursor; what led there stays in sight. */
  const startHere = (): void => {
    const weights = descent?.values[cursor.frame];
    if (!scene || !descent || !weights) return;
    const { live, model, scaled } = scene;
    former = { problem: place.problem, ghost: { live, model, descent, scaled } };
    scene = { ...scene, ghost: former.ghost };
    opinion.compare(COMPARED);
    place = { ...place, before: place.problem, step: null };
    drag(
      Object.fromEntries(scene.live.weights.map((name, index) => [name, weights[index]!])),
      true,
    );
  };

  const take = async (file: File): Promise<void> => {
    header.busy(true);
    try {
      const found = (await upload(file)) as Upload;
      header.refuse(null);
      header.preview(found);
      const formula = guessedFormula(found.columns);
      await ask(
        { ...EMPTY, upload: found.upload, command: "fit", formula, loss: "mse", steps: 100 },
        { keep: false },
      );
    } catch (error) {
      header.refuse(told(error));
    } finally {
      header.busy(false);
    }
  };
  takeDrops(root, (file) => void take(file));

  const saveReport = async (): Promise<void> => {
    try {
      const address = URL.createObjectURL(await fetched("/api/report", place.problem));
      html("a", { href: address, download: "steepest-report.html" }).click();
      window.setTimeout(() => URL.revokeObjectURL(address), 60_000);
    } catch (error) {
      if (!isAborted(error)) header.refuse(told(error));
    }
  };

  const spoken = html("p", { class: "quiet", role: "status" });
  root.append(spoken);
  const announce = (sentence: string): void => {
    spoken.textContent = sentence;
  };

  const resized = new ResizeObserver(() => {
    slider.resize();
    for (const view of views) view.resize();
    for (const panel of panels) panel.draw();
    player.resize();
    rooms.resize();
    reachable(live);
  });
  resized.observe(root);
  window.addEventListener("hashchange", () => {
    const given = understood(location.hash);
    if (!given || written(given) === written(place)) return;
    place = given;
    player.open(given.part);
    void ask(given.problem, { keep: true });
  });

  opinion.say("Descending…");
  try {
    examples = (await get("/api/examples")) as Example[];
  } catch (error) {
    header.refuse(told(error));
    return;
  }
  header.offer(examples);
  const given = understood(location.hash);
  if (given) place = given;
  else if (examples[0]) place = { ...place, problem: examples[0].problem };
  player.open(place.part);
  await ask(place.problem, { keep: true });
}

const EMPTY: Problem = {
  example: null,
  upload: null,
  command: "fit",
  formula: "",
  loss: null,
  optimizer: "gd",
  momentum: null,
  lr: "auto",
  steps: 10,
  start: {},
  standardize: false,
  rescale: false,
  seed: 0,
  batch_size: null,
};

const FRESH = { step: null, plane: null, before: null };

const COMPARED = "Dotted: the descent before the change.";

const told = (error: unknown): string =>
  error instanceof Refused ? error.message : `The page cannot show this answer: ${String(error)}`;

const ends = (values: number[]): [number, number] => [values[0] ?? 0, values.at(-1) ?? 1];

/** What the sweep says at once, before the run is judged. */
function quickWords(live: Live, index: number): string {
  const rate = live.rates[index]!;
  const zone = zoneAt(live, rate);
  const steps = live.steps[index];
  if (live.outcome[index] === "diverged") {
    return `Too large: with the learning rate ${number(rate, 4)} the loss grows without end.`;
  }
  if (steps != null && zone) {
    const word = zone === "just right" ? "Just right" : zone[0]!.toUpperCase() + zone.slice(1);
    return `${word}: with ${number(rate, 4)} the goal is ${count(steps)} steps away.`;
  }
  return `${rateWords(live, index)}.`;
}

function codesFor({ findings }: Judged["board"], kind: string): string {
  const codes = findings.filter(({ code }) => SPEAKS_OF[code]?.includes(kind));
  return codes.map(({ code }) => code).join(" ");
}

const codeMark = (codes: string): HTMLElement => html("span", { class: "codes" }, codes);

function takeDrops(root: HTMLElement, took: (file: File) => void): void {
  const over = (event: DragEvent): void => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    root.classList.add("dropping");
  };
  document.addEventListener("dragover", over);
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) root.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    root.classList.remove("dropping");
    const [file] = event.dataTransfer?.files ?? [];
    if (!file) return;
    event.preventDefault();
    took(file);
  });
}

/** Of more than two weights, which two the contour is over. */
function makePlaneChoice(chosen: (pair: [string, string]) => void) {
  const select = html("select", { id: "plane" });
  const element = html(
    "p",
    { class: "plane-choice" },
    html("label", { for: "plane" }, "over"),
    select,
  );
  let pairs: [string, string][] = [];
  select.addEventListener("change", () => {
    const pair = pairs[select.selectedIndex];
    if (pair) chosen(pair);
  });
  return {
    element,
    offer(weights: string[], now: [string, string] | null): void {
      element.hidden = weights.length < 3 || now === null;
      pairs = weights
        .slice(0, 8)
        .flatMap((a, index) => weights.slice(index + 1, 8).map((b): [string, string] => [a, b]));
      const names = pairs.map(([a, b]) => html("option", {}, `${a} × ${b}`));
      select.replaceChildren(...names);
      select.selectedIndex = pairs.findIndex((pair) => String(pair) === String(now));
    },
  };
}
