// The page: a problem goes to the server, and what comes back is shown. All state is here.

import { makeCursor } from "../cursor";
import { html } from "../dom";
import { makeTimeline, type Readings } from "../timeline";
import { EMPTY, FRESH, understood, written, type Place } from "./address";
import {
  placeOf,
  readJudged,
  readLive,
  type Example,
  type Judged,
  type Problem,
  type Remedy,
  type Upload,
} from "./contract";
import { makeAnswer } from "./answer";
import { takeDrops } from "./drop";
import { makeFacts, quantitiesOf } from "./facts";
import { makeFigures } from "./figures";
import { makeFormer, type Ghost } from "./former";
import { guessedFormula } from "./formula";
import { makeHeader } from "./header";
import { makeMore } from "./more";
import { USUAL } from "./methods";
import { makeOpinion } from "./opinion";
import { windowOf } from "./planes";
import { makePlayer } from "./player";
import { quickView } from "./quick";
import { quickWords } from "./rates";
import { makeRooms } from "./rooms/rooms";
import { asLive, descentAt, descentOf, frameAt, sceneOf, type Descent, type Scene } from "./scene";
import { fetched, get, isAborted, newest, oneAtATime, post, Refused, upload } from "./server";
import { makeRateSlider } from "./slider";
import { makeTheme } from "./theme";

const REST = 250; // milliseconds after which a slider rests, and the run is judged
const WRITE = 150; // until the address follows

export async function openLab(root: HTMLElement): Promise<void> {
  let place: Place = { problem: EMPTY, ...FRESH, part: null };
  let scene: Scene | null = null;
  let descent: Descent | null = null;
  let examples: Example[] = [];
  // What was asked and is not answered yet, or was refused: the fields show it.
  let wanted: Problem | null = null;
  let begun = false;
  let writing = 0;
  let resting = 0;

  // What one sees, from the top down.
  const cursor = makeCursor(1, 0);
  const former = makeFormer();
  const header = makeHeader({
    example: ({ problem }) => void ask({ ...problem }, false),
    file: (file) => void take(file),
    change: (part) => void ask({ ...(wanted ?? place.problem), ...part }),
    report: () => saveReport(),
    theme: makeTheme(),
  });
  const loading = html("p", { class: "waiting", role: "status" }, "Descending…");
  const slider = makeRateSlider((index) => move(index));
  const opinion = makeOpinion(
    (remedy) => tryIt(remedy),
    () => place.before && void ask(place.before, false),
  );
  const facts = makeFacts();
  opinion.details.prepend(facts.element);
  const answer = makeAnswer(root);
  const figures = makeFigures(
    cursor,
    (to, done) => drag(to, done),
    (plane) => {
      place = { ...place, plane };
      void ask(place.problem);
    },
  );
  const player = makePlayer(cursor, (part) => {
    place = { ...place, part };
    write();
  });
  const more = makeMore(cursor);
  const rooms = makeRooms(() => place.problem);
  const readings: Readings = { frames: [0, 1], loss: [], weights: [], values: [], gradient: [] };
  const timeline = makeTimeline(root, readings, cursor);
  const onward = html("button", { type: "button" }, "Start from this step");
  onward.addEventListener("click", () => startHere());
  player.parts.append(onward);
  timeline.element.prepend(answer.element, player.parts);
  const main = html("div", { class: "main" }, slider.element, opinion.element, figures.element);
  main.append(player.element, opinion.details, more.element, rooms.element);
  const spoken = html("p", { class: "quiet", role: "status" });
  root.replaceChildren(header.element, loading, main, timeline.element, spoken);
  main.hidden = true;
  timeline.element.hidden = true;

  const write = (): void => {
    window.clearTimeout(writing);
    writing = window.setTimeout(() => history.replaceState(null, "", `#${written(place)}`), WRITE);
  };

  cursor.onMove((frame) => {
    if (!descent) return;
    figures.show(descent, frame);
    more.show(frame);
    player.show(frame);
    facts.show(frame);
    answer.show(frame);
    rooms.show(frame);
    place = { ...place, step: frame === cursor.last ? null : (descent.frames[frame] ?? null) };
    write();
  });

  /** Another descent under the cursor, which stays at its step. */
  const follow = (next: Descent): void => {
    const { step } = place;
    descent = next;
    Object.assign(readings, { frames: next.frames, loss: next.loss });
    const last = next.frames.length - 1;
    cursor.resize(next.frames.length, step === null ? last : frameAt(next.frames, step));
    place = { ...place, step };
  };

  // What was judged is of another descent from here on.
  const doubt = (): void => {
    window.clearTimeout(resting);
    judge.stop();
    help.stop();
    player.judge(null);
    answer.judge(null);
    more.stale();
    rooms.stale();
  };

  const move = (index: number): void => {
    if (!scene) return;
    place = { ...place, problem: { ...place.problem, lr: scene.live.rates[index]! } };
    doubt();
    opinion.say(quickWords(scene.live, index));
    follow(descentAt(scene.live, index));
    judgeSoon();
    write();
  };

  const judgeSoon = (): void => {
    window.clearTimeout(resting);
    resting = window.setTimeout(() => void judge(place.problem), REST);
  };

  const judge = newest(async (signal, problem: Problem) => {
    try {
      const found = readJudged(await post("/api/board", problem, signal));
      if (signal.aborted || !scene) return;
      adopt(found, scene);
      void help(problem);
    } catch (error) {
      if (!isAborted(error)) opinion.fail(told(error));
    }
  });

  const adopt = (found: Judged, { live }: Scene): void => {
    const { board, document } = found;
    const ran = descentOf(found, live);
    opinion.judge(found, quantitiesOf(found, ran));
    facts.judge(found, { ...scene!, live }, ran);
    header.texts(found.command, found.python, found.pytorch);
    if (live.rates.length) {
      slider.go(placeOf(live, document.descent.lr ?? "auto"));
    } else {
      // Without learning rates to choose among, this is the only descent there is.
      scene = { ...scene!, live: asLive(live, ran) };
      figures.element.hidden = false;
      figures.draw(scene);
    }
    follow(ran);
    figures.judge(board);
    more.judge(board, live.contour?.weights ?? null);
    player.judge(found, scene!, ran);
    answer.judge({ judged: found, scene: scene!, descent: ran, cursor });
    rooms.judge(scene!, ran, found);
  };

  const help = newest(async (signal, problem: Problem) => {
    opinion.remediesWait("Running what may help…");
    try {
      const found = (await post("/api/remedies", problem, signal)) as { remedies: Remedy[] };
      if (!signal.aborted) opinion.remedies(found.remedies);
    } catch (error) {
      if (!isAborted(error)) opinion.remediesWait(told(error));
    }
  });

  const draw = (next: Scene, held = false): void => {
    const { live } = next;
    const index = placeOf(live, place.problem.lr);
    scene = next;
    doubt();
    loading.remove();
    main.hidden = false;
    timeline.element.hidden = false;
    slider.element.hidden = !live.rates.length;
    figures.element.hidden = !live.rates.length;
    // A start whose weights are not all shown cannot be taken from what is shown.
    onward.hidden = live.weights.length < Object.keys(live.start).length;
    figures.draw(next, held);
    opinion.compare(next.ghost ? COMPARED : null);
    if (!live.rates.length) {
      opinion.say("Descending…");
      return;
    }
    slider.draw(next);
    slider.go(index);
    opinion.say(quickWords(live, index));
    follow(descentAt(live, index));
  };

  /** A new problem. `keep`: the cursor stays at its step, and the former descent in sight. */
  const look = newest(async (signal, problem: Problem, keep: boolean) => {
    header.busy(true);
    try {
      const answer = await quickView(problem, keep ? place.plane : null, signal);
      const ghost = keep ? await former.of(place.before) : null;
      if (signal.aborted) return;
      wanted = null;
      header.refuse(null);
      header.show(problem, answer.start);
      main.classList.remove("former");
      place = { ...place, problem, ...(keep ? {} : FRESH) };
      draw({ ...sceneOf(answer, problem.standardize), ghost });
      judgeSoon();
      write();
    } catch (error) {
      if (isAborted(error)) return;
      header.refuse(told(error), error instanceof Refused ? error.field : null);
      main.classList.add("former");
      loading.remove();
    } finally {
      if (!signal.aborted) header.busy(false);
    }
  });
  const ask = (problem: Problem, keep = true): Promise<void> => {
    begun = true;
    wanted = problem;
    window.clearTimeout(resting);
    judge.stop();
    help.stop();
    header.show(problem, Object.keys(problem.start).length ? problem.start : null);
    return look(problem, keep);
  };

  /** What is seen now stays in sight, dotted. */
  const keepInSight = (): Ghost => {
    if (!scene || !descent) return null;
    place = { ...place, before: place.problem, step: null };
    return former.keep(place.problem, scene, descent);
  };

  const tryIt = ({ problem, change }: Remedy): void => {
    if (!problem || !keepInSight()) return;
    spoken.textContent = `Trying: ${change}`;
    void ask(problem);
    slider.element.scrollIntoView({ block: "nearest" });
  };

  /** The descent goes on from the step under the cursor. */
  const startHere = (): void => {
    const weights = descent?.values[cursor.frame];
    const ghost = keepInSight();
    if (!scene || !weights || !ghost) return;
    scene = { ...scene, ghost };
    drag(Object.fromEntries(scene.live.weights.map((name, at) => [name, weights[at]!])), true);
  };

  const again = oneAtATime(async ({ to, done }: { to: Record<string, number>; done: boolean }) => {
    if (!scene) return;
    const { live, scaled, ghost } = scene;
    try {
      const plane = live.contour && windowOf(live.contour);
      const body = { ...place.problem, drag: to, ...(plane && { plane }), again: true };
      const found = readLive(await post("/api/live", body), live);
      place = { ...place, problem: { ...place.problem, start: found.start } };
      draw({ ...sceneOf(found, scaled), ghost }, !done);
      if (!done) return;
      header.show(place.problem, found.start);
      judgeSoon();
      write();
    } catch (error) {
      if (!isAborted(error)) header.refuse(told(error));
    }
  });
  const drag = (to: Record<string, number>, done: boolean): void => {
    doubt();
    again({ to, done });
  };

  /** Where nothing can be shown of what was wanted, why is said above the first example. */
  const fallBack = async (): Promise<void> => {
    const why = header.refusal();
    if (scene || !why || !examples[0]) return;
    await ask(examples[0].problem, false);
    header.refuse(why);
  };

  const take = async (file: File): Promise<void> => {
    begun = true;
    header.busy(true);
    try {
      const found = (await upload(file)) as Upload;
      header.preview(found);
      const formula = guessedFormula(found.columns);
      await ask({ ...EMPTY, upload: found.upload, formula, loss: USUAL, steps: 100 }, false);
    } catch (error) {
      begun = false;
      header.refuse(told(error));
      await fallBack();
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

  new ResizeObserver(() => {
    slider.resize();
    figures.resize();
    more.resize();
    player.resize();
    rooms.resize();
  }).observe(root);
  window.addEventListener("hashchange", () => {
    const given = understood(location.hash);
    if (!given || written(given) === written(place)) return;
    place = given;
    player.open(given.part);
    void ask(given.problem);
  });

  try {
    examples = (await get("/api/examples")) as Example[];
  } catch (error) {
    loading.remove();
    header.refuse(told(error));
    return;
  }
  header.offer(examples);
  // Somebody was quicker, with a file.
  if (begun) return;
  const given = understood(location.hash);
  if (given) place = given;
  else if (examples[0]) place = { ...place, problem: examples[0].problem };
  player.open(place.part);
  await ask(place.problem);
  await fallBack();
}

const COMPARED = "Dotted: the descent before the change.";

const told = (error: unknown): string =>
  error instanceof Refused ? error.message : `The page cannot show this answer: ${String(error)}`;
