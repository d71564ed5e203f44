// The page's life: a problem goes to the server, and what comes back is shown. All state is here.

import { makeCursor } from "../cursor";
import { html } from "../dom";
import { EMPTY, FRESH, understood, written, type Place } from "./address";
import {
  placeOf,
  readJudged,
  readLive,
  type Example,
  type Judged,
  type Problem,
  type Lesson,
  type Remedy,
  type State,
  type Stop,
  type Upload,
} from "./contract";
import { takeDrops } from "./drop";
import { typed } from "./formula";
import { makeFormer, type Ghost } from "./former";
import { USUAL } from "./methods";
import { makePage, type Page } from "./page";
import { takePresenter } from "./projector";
import { windowOf } from "./planes";
import { quickView } from "./quick";
import { asLive, descentAt, descentOf, frameAt, sceneOf, type Descent, type Scene } from "./scene";
import {
  fetched,
  get,
  isAborted,
  MISSING,
  newest,
  oneAtATime,
  post,
  Refused,
  upload,
} from "./server";
import { makeTheme } from "./theme";

const REST = 250; // milliseconds after which a slider rests, and the run is judged
const WRITE = 150; // until the address follows

export async function openLab(root: HTMLElement): Promise<void> {
  const lab = new Lab(root);
  takeDrops(root, (file) => void lab.take(file));
  takePresenter(root);
  await lab.open();
}

class Lab {
  private place: Place = { problem: EMPTY, ...FRESH, part: null };
  private stops: Stop[] = [];
  private scene: Scene | null = null;
  private descent: Descent | null = null;
  private examples: Example[] = [];
  /** What was asked and is not answered yet, or was refused: the fields show it. */
  private wanted: Problem | null = null;
  private begun = false;
  private writing = 0;
  /** The stop and the data that the address names. */
  private about: string | null = null;
  private resting = 0;
  private readonly cursor = makeCursor(1, 0);
  private readonly former = makeFormer();
  private readonly page: Page;

  constructor(root: HTMLElement) {
    this.page = makePage(root, this.cursor, {
      example: ({ problem }) => void this.ask({ ...problem }, false),
      file: (file) => void this.take(file),
      change: (part) => {
        const now = this.wanted ?? this.place.problem;
        const more = part.formula === undefined ? part : typed(part.formula, now);
        void this.ask({ ...now, ...more });
      },
      report: () => this.save("/api/report", "steepest-report.html"),
      lab: () => this.save("/api/save", "steepest-lab.html"),
      theme: makeTheme(),
      problem: () => this.place.problem,
      rate: (index) => this.move(index),
      remedy: (remedy) => this.tryIt(remedy),
      former: () => this.place.before && void this.ask(this.place.before, false),
      drag: (to, done) => this.drag(to, done),
      row: (place, value) => void this.moveRow(place, value),
      plane: (plane) => {
        this.place = { ...this.place, plane };
        void this.ask(this.place.problem);
      },
      part: (part) => {
        this.place = { ...this.place, part };
        this.write();
      },
      onward: () => this.startHere(),
      lesson: {
        stop: (place, state) => this.comeTo(place, state),
        reveal: (stop) => this.reveal(stop),
      },
    });
    this.cursor.onMove((frame) => this.show(frame));
    new ResizeObserver(() => this.page.resize()).observe(root);
    window.addEventListener("hashchange", () => this.goTo(understood(location.hash)));
  }

  /** What the address says, or the first example. */
  async open(): Promise<void> {
    const { header } = this.page;
    try {
      this.examples = (await get("/api/examples")) as Example[];
    } catch (error) {
      this.page.waited();
      header.refuse(told(error));
      return;
    }
    header.offer(this.examples);
    const lesson = (await get("/api/lesson")) as Lesson;
    this.stops = lesson.stops;
    this.page.lesson.offer(lesson);
    // Somebody was quicker, with a file.
    if (this.begun) return;
    const given = understood(location.hash);
    const first = this.examples[0];
    const stop = lesson.opens && !given ? lesson.stops[0] : null;
    if (stop) {
      this.comeTo(0, stop.state);
      return;
    }
    if (given) this.place = given;
    else if (first) this.place = { ...this.place, problem: first.problem };
    this.page.player.open(this.place.part);
    this.atStop();
    const { problem } = this.place;
    await this.ask(problem);
    await this.fallBack();
    // Who comes for the first time sees it move, unless he has done something already.
    const untouched = !this.wanted && this.place.problem === problem;
    if (!given && this.scene && untouched) this.page.timeline.play();
  }

  private goTo(given: Place | null): void {
    if (!given || written(given) === written(this.place)) return;
    this.place = given;
    window.clearTimeout(this.writing);
    this.about = JSON.stringify([given.stop, given.problem.example, given.problem.upload]);
    this.page.player.open(given.part);
    this.atStop();
    void this.ask(given.problem);
  }

  /** The lesson is where the place says, and of the figures one sees those of the stop. */
  private atStop(show = this.stops[this.place.stop ?? -1]?.state.show ?? null): void {
    this.page.lesson.at(this.place.stop);
    this.page.figures.only(show);
  }

  private comeTo(stop: number | null, state: State | null): void {
    this.page.timeline.rest();
    if (!state) {
      this.place = { ...this.place, stop };
      this.atStop();
      this.address();
      return;
    }
    const { problem, step, part, show } = state;
    this.place = { ...FRESH, problem, step, part, stop };
    this.address();
    this.page.player.open(part);
    this.atStop(show);
    void this.ask(problem);
  }

  /** What a prediction comes to: the descent plays, and one before a change stays in sight. */
  private reveal({ state, then }: Stop): void {
    const { problem, step, part, show } = then;
    const changed = JSON.stringify(problem) !== JSON.stringify(state.problem);
    if (changed) this.keepInSight();
    const before = changed ? state.problem : null;
    this.place = { ...this.place, problem, step, part, before };
    this.page.player.open(part);
    this.page.figures.only(show);
    if (changed) void this.ask(problem);
    else if (this.descent) {
      this.cursor.go(step === null ? this.cursor.last : frameAt(this.descent.frames, step));
      if (step !== state.step && this.cursor.frame > 0) this.page.timeline.play();
    }
  }

  private write(): void {
    window.clearTimeout(this.writing);
    this.writing = window.setTimeout(() => this.address(), WRITE);
  }

  /** The address says where one is; the browser's Back goes to the example, or the stop, before. */
  private address(): void {
    window.clearTimeout(this.writing);
    const { stop, problem } = this.place;
    const about = JSON.stringify([stop, problem.example, problem.upload]);
    const goesOn = this.about !== null && this.about !== about;
    history[goesOn ? "pushState" : "replaceState"](null, "", `#${written(this.place)}`);
    this.about = about;
  }

  private show(frame: number): void {
    const { descent } = this;
    if (!descent) return;
    this.page.show(descent, frame);
    const step = frame === this.cursor.last ? null : (descent.frames[frame] ?? null);
    this.place = { ...this.place, step };
    this.write();
  }

  /** Another descent under the cursor, which stays at its step. */
  private follow(next: Descent): void {
    const { step } = this.place;
    this.descent = next;
    this.page.read(next);
    const last = next.frames.length - 1;
    this.cursor.resize(next.frames.length, step === null ? last : frameAt(next.frames, step));
    this.place = { ...this.place, step };
  }

  /** What is under way is of another descent from here on. */
  private halt(): void {
    window.clearTimeout(this.resting);
    this.judge.stop();
    this.help.stop();
  }

  private doubt(): void {
    this.halt();
    this.page.doubt();
  }

  private move(index: number): void {
    if (!this.scene) return;
    const { live } = this.scene;
    this.place = { ...this.place, problem: { ...this.place.problem, lr: live.rates[index]! } };
    this.doubt();
    this.page.opinion.say(`${live.said[index]}.`);
    this.follow(descentAt(live, index));
    this.judgeSoon();
    this.write();
  }

  private judgeSoon(): void {
    window.clearTimeout(this.resting);
    this.resting = window.setTimeout(() => void this.judge(this.place.problem), REST);
  }

  private readonly judge = newest(async (signal, problem: Problem) => {
    try {
      const found = readJudged(await post("/api/board", problem, signal));
      if (signal.aborted || !this.scene) return;
      this.adopt(found, this.scene);
      void this.help(problem);
    } catch (error) {
      if (error instanceof Refused && error.status === MISSING) {
        this.page.opinion.remediesWait(told(error));
      } else if (!isAborted(error)) this.page.opinion.fail(told(error));
    }
  });

  private adopt(found: Judged, { live }: Scene): void {
    const { page } = this;
    const ran = descentOf(found, live);
    page.tell(found, { ...this.scene!, live }, ran);
    if (live.rates.length) {
      page.slider.judge(found.rated, placeOf(live, found.document.descent.lr ?? "auto"));
    } else {
      // Without learning rates to choose among, this is the only descent there is.
      this.scene = { ...this.scene!, live: asLive(live, ran) };
      page.figures.element.hidden = false;
      page.figures.draw(this.scene);
    }
    this.follow(ran);
    page.judge(found, this.scene!, ran);
  }

  private readonly help = newest(async (signal, problem: Problem) => {
    const { opinion } = this.page;
    opinion.remediesWait("Running what may help…");
    try {
      const found = (await post("/api/remedies", problem, signal)) as { remedies: Remedy[] };
      if (!signal.aborted) opinion.remedies(found.remedies);
    } catch (error) {
      if (!isAborted(error)) opinion.remediesWait(told(error));
    }
  });

  private draw(next: Scene, held = false): void {
    const { page } = this;
    const { live } = next;
    const index = placeOf(live, this.place.problem.lr);
    this.scene = next;
    this.doubt();
    page.waited();
    page.reveal(next);
    page.figures.draw(next, held);
    page.opinion.compare(next.ghost ? COMPARED : null);
    if (!live.rates.length) {
      page.opinion.say("Descending…");
      return;
    }
    page.slider.draw(next);
    page.slider.go(index);
    page.opinion.say(`${live.said[index]}.`);
    this.follow(descentAt(live, index));
  }

  private ask(problem: Problem, keep = true): Promise<void> {
    this.begun = true;
    this.wanted = problem;
    this.halt();
    this.page.header.show(problem, Object.keys(problem.start).length ? problem.start : null);
    return this.look(problem, keep);
  }

  /** A new problem. `keep`: the cursor stays at its step, and the former descent in sight. */
  private readonly look = newest(async (signal, problem: Problem, keep: boolean) => {
    const { header } = this.page;
    header.busy(true);
    try {
      const answer = await quickView(problem, keep ? this.place.plane : null, signal);
      const ghost = keep ? await this.former.of(this.place.before) : null;
      if (signal.aborted) return;
      this.wanted = null;
      header.refuse(null);
      header.show(problem, answer.start);
      this.page.former(false);
      this.place = { ...this.place, problem, ...(keep ? {} : FRESH) };
      if (!keep) this.atStop();
      this.draw({ ...sceneOf(answer, problem.standardize), ghost });
      this.judgeSoon();
      this.write();
    } catch (error) {
      if (isAborted(error)) return;
      header.refuse(told(error), error instanceof Refused ? error.field : null);
      this.page.former(true);
      this.page.waited();
    } finally {
      if (!signal.aborted) header.busy(false);
    }
  });

  /** What is seen now stays in sight, dotted. */
  private keepInSight(): Ghost {
    if (!this.scene || !this.descent) return null;
    this.place = { ...this.place, before: this.place.problem, step: null };
    return this.former.keep(this.place.problem, this.scene, this.descent);
  }

  private tryIt({ problem, change }: Remedy): void {
    if (!problem || !this.keepInSight()) return;
    this.page.speak(`Trying: ${change}`);
    void this.ask(problem);
    this.page.slider.element.scrollIntoView({ block: "nearest" });
  }

  /** The descent goes on from the step under the cursor. */
  private startHere(): void {
    const weights = this.descent?.values[this.cursor.frame];
    const ghost = this.keepInSight();
    if (!this.scene || !weights || !ghost) return;
    this.scene = { ...this.scene, ghost };
    const named = this.scene.live.weights.map((name, at) => [name, weights[at]!]);
    this.drag(Object.fromEntries(named), true);
  }

  private drag(to: Record<string, number>, done: boolean): void {
    this.doubt();
    this.again({ to, done });
  }

  private readonly again = oneAtATime(
    async ({ to, done }: { to: Record<string, number>; done: boolean }) => {
      if (!this.scene) return;
      const { live, scaled, ghost } = this.scene;
      try {
        const plane = live.contour && windowOf(live.contour);
        const body = { ...this.place.problem, drag: to, ...(plane && { plane }), again: true };
        const found = readLive(await post("/api/live", body), live);
        this.place = { ...this.place, problem: { ...this.place.problem, start: found.start } };
        this.draw({ ...sceneOf(found, scaled), ghost }, !done);
        if (!done) return;
        this.page.header.show(this.place.problem, found.start);
        this.judgeSoon();
        this.write();
      } catch (error) {
        if (!isAborted(error)) this.page.header.refuse(told(error));
      }
    },
  );

  /** Where nothing can be shown of what was wanted, why is said above the first example. */
  private async fallBack(): Promise<void> {
    const why = this.page.header.refusal();
    const first = this.examples[0];
    if (this.scene || !why || !first) return;
    await this.ask(first.problem, false);
    this.page.header.refuse(why);
  }

  async take(file: File): Promise<void> {
    const { header } = this.page;
    this.begun = true;
    header.busy(true);
    try {
      const found = (await upload(file)) as Upload;
      header.preview(found);
      const { upload: kept, formula } = found;
      const fields = { upload: kept, formula, loss: USUAL, steps: 100 };
      await this.ask({ ...EMPTY, ...fields }, false);
    } catch (error) {
      this.begun = false;
      header.refuse(told(error));
      await this.fallBack();
    } finally {
      header.busy(false);
    }
  }

  /** The data with another target in one row are a copy, and the descent before stays in sight. */
  private async moveRow(place: number, value: number): Promise<void> {
    const row = this.scene?.live.model?.rows?.number[place];
    if (!this.scene || row === undefined) return;
    const { header, figures } = this.page;
    this.doubt();
    try {
      const found = (await post("/api/move", { ...this.place.problem, row, value })) as Upload;
      const { problem } = this.place;
      this.keepInSight();
      header.preview(found);
      await this.ask({ ...problem, example: null, upload: found.upload });
    } catch (error) {
      if (isAborted(error)) return;
      header.refuse(told(error));
      figures.draw(this.scene);
      if (this.descent) this.follow(this.descent);
    }
  }

  private async save(path: string, name: string): Promise<void> {
    try {
      const address = URL.createObjectURL(await fetched(path, this.place.problem));
      html("a", { href: address, download: name }).click();
      window.setTimeout(() => URL.revokeObjectURL(address), 60_000);
    } catch (error) {
      if (!isAborted(error)) this.page.header.refuse(told(error));
    }
  }
}

const COMPARED = "Dotted: the descent before the change.";

const told = (error: unknown): string =>
  error instanceof Refused ? error.message : `The page cannot show this answer: ${String(error)}`;
