// A low screen, as of a projector: everything of one step is on it at once; and what is left of the
// page for who shows it to others.

const SHORT = window.matchMedia("(max-height: 800px) and (min-width: 900px)");

/** Whether the screen is low for its width. */
export const isShort = (): boolean => SHORT.matches;

/** The key P leaves what one shows, in large type: the slider, the verdict, the figures, the step. */
export function takePresenter(root: HTMLElement): void {
  document.addEventListener("keydown", ({ key, target, ctrlKey, metaKey, altKey }) => {
    if (key !== "P" || ctrlKey || metaKey || altKey) return;
    if (target instanceof Element && target.closest("input, textarea, select")) return;
    root.classList.toggle("presenting");
  });
}
