// Light or dark: the system's, until somebody chooses. The choice is kept in this browser.

const KEY = "steepest-theme";

/** Takes up the choice that was kept, and returns what turns it over. */
export function makeTheme(): () => void {
  const root = document.documentElement;
  const kept = read();
  if (kept) root.dataset["theme"] = kept;
  return () => {
    const dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
    const now = root.dataset["theme"] ?? (dark ? "dark" : "light");
    const next = now === "dark" ? "light" : "dark";
    root.dataset["theme"] = next;
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // A browser that keeps nothing still shows it.
    }
  };
}

function read(): string | null {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : null;
  } catch {
    return null;
  }
}
