// What one sees of the lab, from the top down.

import type { Cursor } from "../cursor";
import { html } from "../dom";
import { makeTimeline, type Readings } from "../timeline";
import { makeAnswer } from "./answer";
import type { Judged, Problem, Remedy } from "./contract";
import { makeFacts, quantitiesOf } from "./facts";
import { makeFigures } from "./figures";
import { makeHeader, type Wishes } from "./header";
import { makeLesson, type LessonHeard } from "./lesson";
import { makeMore } from "./more";
import { makeOpinion } from "./opinion";
import { makePlayer } from "./player";
import { makeRooms } from "./rooms/rooms";
import type { Descent, Scene } from "./scene";
import { makeRateSlider } from "./slider";

/** What is done on the page, and who hears of it. */
export interface Heard extends Wishes {
  /** The problem that is shown. */
  problem: () => Problem;
  rate: (index: number) => void;
  remedy: (remedy: Remedy) => void;
  former: () => void;
  drag: (to: Record<string, number>, done: boolean) => void;
  /** A row, by its place among those drawn, has another target. */
  row: (place: number, value: number) => void;
  plane: (weights: [string, string]) => void;
  part: (name: string | null) => void;
  onward: () => void;
  lesson: LessonHeard;
}

export type Page = ReturnType<typeof makePage>;

export function makePage(root: HTMLElement, cursor: Cursor, heard: Omit<Heard, "enter">) {
  const lesson = makeLesson(heard.lesson);
  const header = makeHeader({ ...heard, enter: lesson.button });
  const loading = html("p", { class: "waiting", role: "status" }, "Descending…");
  const slider = makeRateSlider(heard.rate);
  const opinion = makeOpinion(heard.remedy, heard.former);
  const facts = makeFacts(opinion.details);
  const answer = makeAnswer(root);
  const figures = makeFigures(cursor, heard.drag, heard.row, heard.plane);
  const player = makePlayer(cursor, heard.part);
  const more = makeMore(cursor);
  const rooms = makeRooms(heard.problem);
  const readings: Readings = { frames: [0, 1], loss: [], weights: [], values: [], gradient: [] };
  const timeline = makeTimeline(root, readings, cursor);
  const onward = makeOnward(heard.onward, player.parts);
  timeline.element.prepend(answer.element, player.parts);
  const shown = [slider, opinion, figures, player].map(({ element }) => element);
  const main = html("div", { class: "main", hidden: true }, ...shown, opinion.details);
  main.append(more.element, rooms.element);
  const spoken = html("p", { class: "quiet", role: "status" });
  root.replaceChildren(header.element, lesson.element, loading, main, timeline.element, spoken);
  timeline.element.hidden = true;
  return {
    header,
    lesson,
    timeline,
    slider,
    opinion,
    figures,
    player,
    /** Says something to who cannot see that it is done. */
    speak: (text: string): void => {
      spoken.textContent = text;
    },
    waited: (): void => loading.remove(),
    /** What is shown is of the former problem: what was asked cannot be. */
    former: (is: boolean): boolean => main.classList.toggle("former", is),
    show(descent: Descent, frame: number): void {
      figures.show(descent, frame);
      for (const part of [more, player, facts, answer, rooms]) part.show(frame);
    },
    /** Another descent is under the cursor. */
    read(descent: Descent): void {
      Object.assign(readings, { frames: descent.frames, loss: descent.loss });
    },
    /** What was judged is of another descent from here on. */
    doubt(): void {
      player.judge(null);
      answer.judge(null);
      more.stale();
      rooms.stale();
    },
    /** What there is to see of a scene. */
    reveal({ live }: Scene): void {
      main.hidden = false;
      timeline.element.hidden = false;
      slider.element.hidden = !live.rates.length;
      figures.element.hidden = !live.rates.length;
      // A start whose weights are not all shown cannot be taken from what is shown.
      onward.hidden = live.weights.length < Object.keys(live.start).length;
    },
    /** What is said about a descent, before it is under the cursor. */
    tell(found: Judged, scene: Scene, ran: Descent): void {
      opinion.judge(found, quantitiesOf(found, ran));
      facts.judge(found, scene, ran);
      header.texts(found.command, found.python, found.pytorch);
    },
    /** What is shown of it, once it is. */
    judge(found: Judged, scene: Scene, ran: Descent): void {
      figures.judge(found.board);
      more.judge(found.board, scene.live.contour?.weights ?? null);
      player.judge(found, scene, ran);
      answer.judge({ judged: found, scene, descent: ran, cursor });
      rooms.judge(scene, ran, found);
    },
    resize(): void {
      for (const part of [slider, figures, more, player, rooms]) part.resize();
    },
  };
}

function makeOnward(click: () => void, into: HTMLElement): HTMLElement {
  const button = html("button", { type: "button" }, "Start from this step");
  button.addEventListener("click", click);
  into.append(button);
  return button;
}
