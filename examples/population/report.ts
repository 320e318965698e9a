import type { LineageRow, ScheduleRow } from "descent/population";
import type { Hyper } from "./lenet.ts";

/** How a search ended: its best by validation digits, and the share of test digits that this one reads. */
export interface Found {
  readonly name: string;
  readonly best: LineageRow<Hyper>;
  readonly test: number;
}

/** Who found what, as lines of text. */
export function summary(
  results: readonly Found[],
  { members, generations, trainSize }: { members: number; generations: number; trainSize: number },
): string {
  const [population, random] = results as readonly [Found, Found];
  const gap = 100 * (population.test - random.test);
  const verdict =
    gap === 0
      ? "Both read as many test digits."
      : `On the test digits, the population's best is ${Math.abs(gap).toFixed(2)} points ${gap > 0 ? "better" : "worse"} than that of the random search.`;
  return [
    `${members} LeNets, ${generations} passes over ${trainSize.toLocaleString("en-US")} digits`,
    "",
    table(
      ["best of", "validation", "test", "final lr", "momentum", "weight decay"],
      results.map(({ name, best, test }) => [
        name,
        percent(best.score),
        percent(test),
        ...hyperCells(best.hyperparameters),
      ]),
    ),
    "",
    verdict,
  ].join("\n");
}

/** A schedule as lines of text. */
export const scheduleTable = (rows: readonly ScheduleRow<Hyper>[]): string =>
  table(
    ["generation", "member", "lr", "momentum", "weight decay", "validation"],
    rows.map((row) => [String(row.generation), String(row.member), ...hyperCells(row), percent(row.score)]),
  );

const hyperCells = ({ lr, momentum, weightDecay }: Hyper): string[] => [
  lr.toPrecision(3),
  momentum.toFixed(3),
  weightDecay.toExponential(1),
];

const percent = (share: number | null): string => (share === null ? "–" : `${(100 * share).toFixed(2)} %`);

/** Columns as wide as what is in them, the first one flush left. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  return [head, ...rows]
    .map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  "))
    .join("\n");
}
