import type { Result } from "../measure.ts";
import type { Workload } from "../workloads/index.ts";
import { flopsOf } from "../workloads/task.ts";
import { digits, fastest, showRatio, showTimes, timesOf } from "./numbers.ts";

/** A workload and what every contender did in it, ours first. */
export interface Measured {
  readonly workload: Workload;
  readonly results: readonly Result[];
}

/** The workloads of one group: strings, to be printed as text or as Markdown. */
export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Tables that share numbered notes. */
export interface Tables {
  readonly tables: readonly Table[];
  readonly notes: readonly string[];
}

/** Takes a text to the notes and returns its number. */
type Note = (text: string) => string;

/** One table per group. `limit` is what 128-bit SIMD can do with our threads, in GFLOP/s. */
export function tablesOf(measured: readonly Measured[], contenders: readonly string[], limit: number): Tables {
  const notes: string[] = [];
  const note: Note = (text) => {
    if (!notes.includes(text)) notes.push(text);
    return `[${notes.indexOf(text) + 1}]`;
  };
  const groups = [...new Set(measured.map(({ workload }) => workload.groups[0]))];
  const tables = groups.map((group) => {
    const lines = measured.filter(({ workload }) => workload.groups[0] === group);
    const columns = columnsOf(lines, contenders, limit, note);
    return {
      title: group,
      head: ["", ...columns.map(({ head }) => head)],
      rows: lines.map((line) => [line.workload.name, ...columns.map(({ cell }) => cell(line))]),
    };
  });
  return { tables, notes };
}

interface Column {
  readonly head: string;
  readonly cell: (line: Measured) => string;
}

function columnsOf(lines: readonly Measured[], contenders: readonly string[], limit: number, note: Note): Column[] {
  const columns: Column[] = contenders.map((name) => ({
    head: name,
    cell: (line) => {
      const result = resultOf(line, name);
      const times = timesOf(result);
      if (times === null) return `– ${note(`${name}: ${result.problem}`)}`;
      const rate = gflops(line, name);
      const variant = result.variant === null ? "" : ` ${note(`${name}: ${result.variant}`)}`;
      return `${showTimes(times)}${rate === null ? "" : `, ${digits(rate)} GFLOP/s`}${variant}`;
    },
  }));
  const [ours, ...others] = contenders as [string, ...string[]];
  if (lines.some(({ workload }) => workload.task.kind === "matmul"))
    columns.push({
      head: "of the 128-bit limit",
      cell: (line) => {
        const rate = gflops(line, ours);
        return rate === null ? "" : `${Math.round((100 * rate) / limit)} %`;
      },
    });
  if (others.length > 1)
    columns.push({
      head: `${ours} / fastest other`,
      cell: (line) => {
        const best = fastest(line.results.filter(({ contender }) => contender !== ours));
        const ratio = best === null ? "" : against(line, ours, best.contender);
        return ratio === "" ? "" : `${ratio} ${best!.contender}`;
      },
    });
  const single = others.length === 1 ? others : others.filter((name) => name === "torch");
  for (const name of single) columns.push({ head: `${ours} / ${name}`, cell: (line) => against(line, ours, name) });
  return columns;
}

const resultOf = (line: Measured, name: string): Result => line.results.find(({ contender }) => contender === name)!;

function against(line: Measured, ours: string, other: string): string {
  const [a, b] = [resultOf(line, ours), resultOf(line, other)].map(timesOf);
  return a == null || b == null ? "" : showRatio(a.min, b.min);
}

function gflops(line: Measured, name: string): number | null {
  const flops = flopsOf(line.workload.task);
  const times = timesOf(resultOf(line, name));
  return flops === null || times === null ? null : flops / times.min / 1e3;
}
