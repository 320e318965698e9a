import type { Machine } from "./machine.ts";
import type { Table, Tables } from "./table.ts";

const LEGEND =
  "Time of one call, fastest / middle sample; ratios are of the fastest, below 1 descent is faster, within 5 % it is a tie.";

/** For a terminal. */
export function text(machine: Machine, { tables, notes }: Tables): string {
  return [
    ...facts(machine).map(([name, value]) => `${name.padEnd(14)}${value}`),
    "",
    LEGEND,
    ...tables.flatMap((table) => ["", ...lines(table)]),
    ...(notes.length === 0 ? [] : ["", ...notes.map((note, i) => `[${i + 1}] ${note}`)]),
  ].join("\n");
}

/** For docs/benchmarks.md. */
export function markdown(machine: Machine, { tables, notes }: Tables): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    ...facts(machine).map(([name, value]) => `- ${name}: ${value}`),
    "",
    LEGEND,
    ...tables.flatMap(({ title, head, rows }) => [
      "",
      `### ${title}`,
      "",
      row(head),
      row(head.map((_, i) => (i === 0 ? "---" : "---:"))),
      ...rows.map(row),
    ]),
    ...(notes.length === 0 ? [] : ["", ...notes.map((note, i) => `${i + 1}. ${note}`)]),
  ].join("\n");
}

function facts({ date, machine, commit, rounds, threads, limit, contenders, leftOut }: Machine): [string, string][] {
  return [
    ["date", date],
    ["machine", machine],
    ["128-bit limit", `${limit.toFixed(1)} GFLOP/s per core`],
    ["rounds", `${rounds}, interleaved; threads ${threads}`],
    ...contenders.map(({ name, library, runtime, threads: used }): [string, string] => [
      name,
      `${library}${name === "descent" && commit !== null ? ` (${commit})` : ""}, ${runtime}, ${used === 1 ? "1 thread" : `${used} threads`}`,
    ]),
    ...leftOut.map(([name, why]): [string, string] => [name, `left out: ${why.split("\n")[0]!}`]),
  ];
}

function lines({ title, head, rows }: Table): string[] {
  const all = [[title, ...head.slice(1)], ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]!.length)));
  return all.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join("  ")
      .trimEnd(),
  );
}
