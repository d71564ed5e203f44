// Which figures a finding speaks of: its code stands beside their titles.

import type { Board } from "../data";

const SPEAKS_OF: Record<string, string[]> = {
  SD101: ["loss"],
  SD102: ["loss"],
  SD103: ["spectrum"],
  SD201: ["contour", "spectrum"],
  SD202: ["spectrum"],
  SD203: ["spectrum"],
  SD204: ["fit", "contour"],
  SD205: ["loss"],
  SD206: ["loss"],
  SD301: ["fit"],
  SD302: ["fit"],
  SD303: ["pulls"],
  SD304: ["contour"],
};

export const codesFor = ({ findings }: Board, kind: string): string =>
  findings
    .filter(({ code }) => SPEAKS_OF[code]?.includes(kind))
    .map(({ code }) => code)
    .join(" ");
