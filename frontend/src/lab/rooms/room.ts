// What every room is.

import type { Judged } from "../contract";
import type { Descent, Scene } from "../scene";

/** A room draws when it is opened, and after that when there is something new. */
export interface Room {
  title: string;
  element: HTMLElement;
  judge?: (scene: Scene, descent: Descent, judged: Judged) => void;
  show?: (frame: number) => void;
  stale?: () => void;
  draw: () => void;
  close?: () => void;
}
