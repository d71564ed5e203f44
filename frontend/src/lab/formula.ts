// A formula to begin with, for a file that was just opened: its last column by its first.

const plain = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function guessedFormula(columns: string[]): string {
  const [first, last] = [columns[0] ?? "x", columns.at(-1) ?? "y"];
  const named = (column: string): string => (plain.test(column) ? column : `\`${column}\``);
  const free = ["a", "b", "c", "w", "w1", "w2", "w3"].filter((name) => !columns.includes(name));
  const [slope, level] = [free[0] ?? "slope", free[1] ?? "level"];
  if (columns.length < 2) return `${named(last)} ~ ${slope}`;
  return `${named(last)} ~ ${slope}*${named(first)} + ${level}`;
}
