// What opens on request below the figures: the surface, the modes, a race, and the kept runs.

import { html } from "../../dom";
import type { Judged, Problem } from "../contract";
import type { Descent, Scene } from "../scene";
import { makeModes } from "./modes";
import { makeRace } from "./race";
import type { Room } from "./room";
import { makeRuns } from "./runs";
import { makeSurface } from "./surface";

export interface Rooms {
  element: HTMLElement;
  judge: (scene: Scene, descent: Descent, judged: Judged) => void;
  show: (frame: number) => void;
  /** The problem has changed, and what is shown is of the former one. */
  stale: () => void;
  resize: () => void;
}

export function makeRooms(problem: () => Problem): Rooms {
  const rooms: Room[] = [makeSurface(), makeModes(), makeRace(problem), makeRuns()];
  const all = rooms.map((room) => {
    const details = html(
      "details",
      { class: "room" },
      html("summary", {}, room.title),
      room.element,
    );
    details.addEventListener("toggle", () => (details.open ? room.draw() : room.close?.()));
    return { room, details };
  });
  const element = html("section", { class: "rooms", "aria-label": "More to do" });
  element.append(...all.map(({ details }) => details));
  const open = (): Room[] => all.filter(({ details }) => details.open).map(({ room }) => room);
  return {
    element,
    judge(scene, descent, judged) {
      for (const { room } of all) room.judge?.(scene, descent, judged);
      for (const room of open()) if (room.judge) room.draw();
    },
    show(frame) {
      for (const room of open()) room.show?.(frame);
    },
    stale() {
      for (const { room } of all) room.stale?.();
    },
    resize() {
      for (const room of open()) if (room.judge) room.draw();
    },
  };
}
