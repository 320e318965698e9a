import type { TestFunction } from "descent/test-functions";
import { byDescent, type Descent } from "./plane.ts";
import { byLesson, type Lesson } from "./spirals.ts";

/** How an optimizer did in both parts of the race. */
export interface Result {
  readonly name: string;
  readonly descent: Descent;
  readonly lesson: Lesson;
}

/** Its places: 1 is the best. */
export interface Ranked extends Result {
  readonly places: readonly [descent: number, lesson: number];
}

/** The best first: the one with the least sum of places. */
export function ranked(results: readonly Result[]): Ranked[] {
  const onPlane = [...results].sort((a, b) => byDescent(a.descent, b.descent));
  const asTeacher = [...results].sort((a, b) => byLesson(a.lesson, b.lesson));
  return results
    .map((result): Ranked => ({ ...result, places: [onPlane.indexOf(result) + 1, asTeacher.indexOf(result) + 1] }))
    .sort((a, b) => sum(a.places) - sum(b.places) || a.places[0] - b.places[0]);
}

const sum = ([a, b]: Ranked["places"]): number => a + b;

/** Columns: a title, how a result reads, and how wide it is. */
const COLUMNS: readonly (readonly [title: string, width: number, cell: (result: Ranked) => string])[] = [
  ["place", 5, ({ places }) => String(places[0])],
  ["lr", 7, ({ descent }) => rate(descent.lr)],
  ["f − f*", 8, ({ descent }) => brief(descent.height)],
  ["distance", 8, ({ descent }) => brief(descent.distance)],
  ["evaluations", 11, ({ descent }) => String(descent.arrived ?? "–")],
  ["│", 1, () => "│"],
  ["place", 5, ({ places }) => String(places[1])],
  ["lr", 7, ({ lesson }) => rate(lesson.lr)],
  ["loss", 7, ({ lesson: { loss } }) => (loss < 100 ? loss.toFixed(4) : brief(loss))],
  ["accuracy", 8, ({ lesson }) => `${(100 * lesson.accuracy).toFixed(1)} %`],
  ["ms/step", 7, ({ lesson }) => lesson.millisecondsPerStep.toFixed(2)],
];
const BAR = COLUMNS.findIndex(([title]) => title === "│");
const NAME = 22;

/** All results as lines of text. */
export function tableOf(results: readonly Ranked[], fn: TestFunction, steps: number): string {
  const width = (columns: typeof COLUMNS): number => columns.reduce((all, [, w]) => all + w + 2, 0);
  const left = `${fn.name} from (${fn.start.join(", ")}), ${steps} evaluations`;
  const over = `${"".padEnd(NAME + 4)}${left.padStart(width(COLUMNS.slice(0, BAR)))}  │${`two spirals, ${steps} steps`.padStart(width(COLUMNS.slice(BAR + 1)))}`;
  const head = COLUMNS.map(([title, w]) => `  ${title.padStart(w)}`).join("");
  const rows = results.map((result, i) => {
    const cells = COLUMNS.map(([, w, cell]) => `  ${cell(result).padStart(w)}`).join("");
    return `${String(i + 1).padStart(2)}  ${result.name.padEnd(NAME)}${cells}`;
  });
  return [
    over,
    `    ${"optimizer".padEnd(NAME)}${head}`,
    ...rows,
    "",
    "evaluations: how many it took to come within 1e-4 of the minimum, and to stay there",
  ].join("\n");
}

/** Few digits, as small numbers need them. */
const brief = (x: number): string => (Math.abs(x) >= 0.001 && Math.abs(x) < 1000 ? x.toFixed(3) : x.toExponential(1));
const rate = (lr: number): string => (Number.isNaN(lr) ? "–" : String(lr));
