// The one step at which every figure of a board stands.

export interface Cursor {
  readonly frame: number;
  readonly last: number;
  /** Stay at a frame. */
  go: (frame: number) => void;
  /** Look at a frame for a moment; null returns to where the cursor stays. */
  peek: (frame: number | null) => void;
  /** There are now so many frames; everything that listens is told. */
  resize: (frames: number, at: number) => void;
  onMove: (listener: (frame: number) => void) => void;
}

export function makeCursor(many: number, at: number): Cursor {
  const listeners: ((frame: number) => void)[] = [];
  let last = many - 1;
  const inside = (frame: number): number => Math.min(last, Math.max(0, Math.round(frame) || 0));
  let stays = inside(at);
  let shown = stays;
  const show = (frame: number): void => {
    if (frame === shown) return;
    shown = frame;
    for (const listener of listeners) listener(frame);
  };
  return {
    get frame() {
      return shown;
    },
    get last() {
      return last;
    },
    go(frame) {
      stays = inside(frame);
      show(stays);
    },
    peek(frame) {
      show(frame === null ? stays : inside(frame));
    },
    resize(frames, at) {
      last = frames - 1;
      stays = inside(at);
      shown = stays;
      for (const listener of listeners) listener(shown);
    },
    onMove(listener) {
      listeners.push(listener);
    },
  };
}
