// How numbers stand in a figure: as in the sentences that Python writes, with a true minus sign.

const trimmed = (text: string): string => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

/** At most `digits` significant digits; plain from 1e-4 up to 1e7, beyond with an exponent. */
export function number(value: number, digits = 6): string {
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value > 0 ? "infinity" : "minus infinity";
  if (value === 0) return "0";
  const [mantissa, power] = Math.abs(value)
    .toExponential(digits - 1)
    .split("e");
  const exponent = Number(power);
  const sign = value < 0 ? "−" : "";
  if (exponent < -4 || exponent >= 7) {
    return `${sign}${trimmed(mantissa!)}e${exponent < 0 ? "−" : ""}${Math.abs(exponent)}`;
  }
  const decimals = Math.max(0, digits - 1 - exponent);
  const plain = Number(`${mantissa}e${exponent}`).toFixed(Math.min(decimals, 20));
  const [whole, rest] = trimmed(plain).split(".");
  const grouped = whole!.replace(/\B(?=(\d{3})+$)/g, ",");
  return sign + (rest ? `${grouped}.${rest}` : grouped);
}

export function count(many: number): string {
  return Number.isFinite(many) && Math.abs(many) < 1e15
    ? Math.round(many)
        .toString()
        .replace(/\B(?=(\d{3})+$)/g, ",")
    : number(many, 3);
}

export const stepsOf = (many: number): string => `${count(many)} ${many === 1 ? "step" : "steps"}`;

/** Names come from outside: a column may be called anything, at any length. */
export function cut(text: string, most: number): string {
  const shown = [...text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "�")];
  return shown.length <= most ? shown.join("") : `${shown.slice(0, most - 1).join("")}…`;
}
