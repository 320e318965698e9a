import { median, quantile, type Result, shown, wins } from "./compare.ts";

/** Columns: a title, how wide it is, and how a result reads beside that of SGD, which comes first. */
const COLUMNS: readonly (readonly [title: string, width: number, cell: (result: Result, sgd: Result) => string])[] = [
  ["median of final losses", 22, ({ finals }) => shown(median(finals))],
  ["lower quartile", 14, ({ finals }) => shown(quantile(finals, 0.25))],
  ["upper quartile", 14, ({ finals }) => shown(quantile(finals, 0.75))],
  ["better than SGD", 15, (result, sgd) => (result === sgd ? "–" : `${wins(result, sgd)} of ${sgd.finals.length}`)],
];
const NAME = 24;

/** Results as lines of text. */
export function tableOf(results: ReadonlyMap<string, Result>): string {
  const [sgd] = results.values();
  const line = (name: string, cells: readonly string[]): string =>
    `${name.padEnd(NAME)}${cells.map((cell, i) => `  ${cell.padStart(COLUMNS[i]![1])}`).join("")}`;
  const rows = [...results].map(([name, result]) =>
    line(
      name,
      COLUMNS.map(([, , cell]) => cell(result, sgd!)),
    ),
  );
  return [
    line(
      "optimizer",
      COLUMNS.map(([title]) => title),
    ),
    ...rows,
  ].join("\n");
}
