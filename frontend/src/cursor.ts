// The one step at which every figure of a board stands.

export interface Cursor {
  readonly frame: number;
  readonly last: number;
  /** Stay at a frame. */
  go: (frame: number) => void;
  /** Look at a frame for a moment; null returns to where the cursor stays. */
  peek: (frame: number | null) => void;
  onMove: (listener: (frame: number) => void) => void;
}

export function makeCursor(frames: number, at: number): Cursor {
  const listeners: ((frame: number) => void)[] = [];
  const last = frames - 1;
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
    last,
    go(frame) {
      stays = inside(frame);
      show(stays);
    },
    peek(frame) {
      show(frame === null ? stays : inside(frame));
    },
    onMove(listener) {
      listeners.push(listener);
    },
  };
}
