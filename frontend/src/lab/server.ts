// Asking the server. What it refuses it explains in a sentence, which is shown as it is.

import { problemOf } from "./address";

export class Refused extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly field: string | null = null,
  ) {
    super(message);
  }
}

const UNREACHED = "The lab's server does not answer. Start it again with: steepest lab";

const tab = Array.from(crypto.getRandomValues(new Uint32Array(2)), (part) =>
  part.toString(36),
).join("");
const turns = new Map<string, number>();

/** What stands beside the page where it is a file: it asks nobody then. */
const beside = document.getElementById("saved");
const saved = beside ? (JSON.parse(beside.textContent) as Saved) : null;

interface Saved {
  examples: unknown;
  lesson: unknown;
  /** What a server answered, packed. */
  answers: { path: string; problem: unknown; answer: string }[];
}

/** Of every learning rate there is a descent; judged is one. */
const same = (path: string, problem: unknown): string => {
  const known = problemOf(problem);
  return JSON.stringify(known && { ...known, ...(path === "/api/live" && { lr: "auto" }) });
};

const ABSENT = "This needs the engine, and the page is a file. It opens live with: steepest lab";
export const MISSING = 501; // of a file: nobody can be asked

async function found({ examples, lesson, answers }: Saved, path: string, request: RequestInit) {
  if (path === "/api/examples") return Response.json(examples);
  if (path === "/api/lesson") return Response.json(lesson);
  const body = typeof request.body === "string" ? (JSON.parse(request.body) as object) : null;
  const another = body && ("drag" in body || "plane" in body);
  const near = another ? [] : answers.filter((one) => one.path === path);
  const exactly = JSON.stringify(problemOf(body));
  const kept =
    near.find((one) => JSON.stringify(problemOf(one.problem)) === exactly) ??
    near.find((one) => same(path, one.problem) === same(path, body));
  if (!kept) return Response.json({ error: ABSENT }, { status: MISSING });
  return new Response(unpacked(kept.answer));
}

function unpacked(packed: string): ReadableStream {
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  return new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
}

async function answered(path: string, request: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = saved
      ? await found(saved, path, request)
      : await fetch(path, { credentials: "same-origin", ...request });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused(UNREACHED, 0);
  }
  if (response.ok) return response;
  const said: unknown = await response.json().catch(() => null);
  const { error, formula, column, length } = (said ?? {}) as Record<string, unknown>;
  const sentence = typeof error === "string" ? error : `The server answered ${response.status}.`;
  const isFormula = typeof formula === "string" && typeof column === "number";
  throw new Refused(
    isFormula ? `${sentence}\n${pointed(formula, column, Number(length) || 1)}` : sentence,
    response.status,
    isFormula ? "formula" : null,
  );
}

const AROUND = 50; // characters of a formula on either side of the caret

/** A formula, with carets under the place at fault. */
function pointed(formula: string, column: number, length: number): string {
  const from = Math.max(0, column - AROUND);
  const shown = formula.slice(from, column + AROUND).replace(/[\p{Cc}\p{Cf}]/gu, "\ufffd");
  const carets = "^".repeat(Math.max(1, Math.min(length, AROUND)));
  return `  ${shown}\n  ${" ".repeat(column - from)}${carets}`;
}

export const get = async (path: string): Promise<unknown> =>
  (await answered(path, { headers: { accept: "application/json" } })).json();

export const remove = async (path: string): Promise<void> => {
  await answered(path, { method: "DELETE", headers: { "content-type": "application/json" } });
};

/** A later turn of this tab cancels the earlier ones on the server. */
function request(path: string, body: object, signal?: AbortSignal): Promise<Response> {
  const turn = (turns.get(path) ?? 0) + 1;
  turns.set(path, turn);
  return answered(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...body, tab, turn }),
    ...(signal && { signal }),
  });
}

export const post = async (path: string, body: object, signal?: AbortSignal): Promise<unknown> =>
  (await request(path, body, signal)).json();

export const fetched = async (path: string, body: object): Promise<Blob> =>
  (await request(path, body)).blob();

export async function upload(file: File): Promise<unknown> {
  const response = await answered("/api/upload", {
    method: "POST",
    // A header holds ASCII only.
    headers: { "content-type": "text/csv", "x-name": encodeURIComponent(file.name) },
    body: file,
  });
  return response.json();
}

export const isAborted = (error: unknown): boolean =>
  (error instanceof DOMException && error.name === "AbortError") ||
  (error instanceof Refused && error.status === 409);

/** Work of which only the newest counts: starting it again ends what is under way. */
export function newest<A extends unknown[]>(
  work: (signal: AbortSignal, ...given: A) => Promise<void>,
): { (...given: A): Promise<void>; stop: () => void } {
  let current: AbortController | null = null;
  const stop = (): void => current?.abort();
  const start = async (...given: A): Promise<void> => {
    stop();
    const mine = new AbortController();
    current = mine;
    await work(mine.signal, ...given);
  };
  return Object.assign(start, { stop });
}

/** At most one at a time: what is wanted meanwhile waits, and of that only the last. */
export function oneAtATime<A>(work: (given: A) => Promise<void>): (given: A) => void {
  let busy = false;
  let waiting: { given: A } | null = null;
  const run = async (given: A): Promise<void> => {
    busy = true;
    await work(given);
    busy = false;
    const next = waiting;
    waiting = null;
    if (next) void run(next.given);
  };
  return (given) => {
    if (busy) waiting = { given };
    else void run(given);
  };
}
