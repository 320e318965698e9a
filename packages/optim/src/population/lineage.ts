import { ArgumentError } from "@descent/core";
import { positive, shown } from "../checks.ts";
import { settled } from "../tools/arguments.ts";
import type { Draw, Space } from "./space.ts";
import { misfits } from "./space.ts";

/** What one member did in one generation: plain data, for JSON. */
export interface LineageRow<H extends object> extends Draw<H> {
  readonly generation: number;
  readonly member: number;
  /** Whose checkpoint of the last generation the member began with; `null` where it was its own. */
  readonly parent: number | null;
  /** The score at the end of the generation; `null` where it was not finite. */
  readonly score: number | null;
}

/** All rows of a population, generation after generation, and in a generation member after member. */
export type Lineage<H extends object> = readonly LineageRow<H>[];

/** The way of what a member holds at the end of a generation (default: the last), from generation 0: one row for each. */
export function ancestry<H extends object>(lineage: Lineage<H>, member: number, generation?: number): LineageRow<H>[] {
  const op = "ancestry";
  if (!Array.isArray(lineage) || lineage.length === 0)
    throw new ArgumentError(op, `expected the rows of a lineage, got ${shown(lineage)}`, "pass population.lineage");
  const rowAt = rowsOf<H>(lineage);
  const path: LineageRow<H>[] = [];
  let at = member;
  for (let g = generation ?? lineage.at(-1)!.generation; path[0]?.generation !== 0; g--) {
    const row = rowAt(g, at);
    if (row === undefined)
      throw new ArgumentError(
        op,
        `there is no row of member ${shown(at)} in generation ${shown(g)}`,
        "pass a whole lineage, and one of its members",
      );
    path.unshift(row);
    at = row.parent ?? at;
  }
  return path;
}

/** A line in the tree of a lineage: from what a member began with to what it made of it. */
export interface LineageEdge<H extends object> {
  readonly from: LineageRow<H>;
  readonly to: LineageRow<H>;
  /** Whether the two are rows of different members. */
  readonly copied: boolean;
}

/** The lines of the tree of a lineage, for drawing it. */
export function lineageEdges<H extends object>(lineage: Lineage<H>): LineageEdge<H>[] {
  const rowAt = rowsOf(lineage);
  return lineage.flatMap((to) => {
    const from = rowAt(to.generation - 1, to.parent ?? to.member);
    return from === undefined ? [] : [{ from, to, copied: to.parent !== null }];
  });
}

/** A row of the table of `schedule()`: the time from `start` to `end`, and what the hyperparameters were then. */
export type ScheduleRow<H extends object> = H & {
  readonly generation: number;
  readonly member: number;
  readonly start: number;
  readonly end: number;
  readonly score: number | null;
};

/** Options of `schedule`. */
export interface ScheduleTableOptions {
  /** How long a generation is, in whatever unit the table is to have: steps, epochs. Default 1. */
  readonly interval?: number;
}

/** The schedule that the end of an ancestry lived through, as a table for plots: a row for each interval. */
export function schedule<H extends object>(
  path: readonly LineageRow<H>[],
  options: ScheduleTableOptions = {},
): ScheduleRow<H>[] {
  const { interval } = settled<{ interval: number }>("schedule", options, { interval: 1 }, { interval: positive });
  rejectNoPath("schedule", path);
  return path.map(({ generation, member, hyperparameters, score }) => ({
    generation,
    member,
    start: generation * interval,
    end: (generation + 1) * interval,
    ...hyperparameters,
    score,
  }));
}

/** Throws where rows are not those of an ancestry. */
export function rejectNoPath(op: string, path: readonly LineageRow<object>[]): void {
  if (!Array.isArray(path) || path.length === 0)
    throw new ArgumentError(
      op,
      `expected the rows of an ancestry, got ${shown(path)}`,
      "pass ancestry(lineage, member)",
    );
  for (const [g, row] of path.entries()) {
    const before = path[g - 1];
    if (row?.generation !== g || (before !== undefined && before.member !== (row.parent ?? row.member)))
      throw new ArgumentError(
        op,
        `row ${g} is generation ${shown(row?.generation)} of member ${shown(row?.member)}, which does not go on from the row before`,
        "pass ancestry(lineage, member)",
      );
  }
}

/** All that is wrong with the lineage of a population of some size, in sentences. */
export function lineageProblems<H extends object>(lineage: Lineage<H>, size: number, space: Space<H>): string[] {
  if (!Array.isArray(lineage)) return [`lineage is ${shown(lineage)}, expected a list of rows`];
  if (lineage.length % size !== 0) return [`lineage has ${lineage.length} rows, expected ${size} for each generation`];
  return lineage.flatMap((row: Partial<LineageRow<H>> | null, i) => {
    const [generation, member] = [Math.floor(i / size), i % size];
    const { parent, score, hyperparameters, origins } = row ?? {};
    if (row?.generation !== generation || row.member !== member)
      return [`lineage[${i}] is not that of member ${member} in generation ${generation}`];
    const isParent = parent === null || (generation > 0 && Number.isInteger(parent) && parent! >= 0 && parent! < size);
    const isScore = score === null || Number.isFinite(score);
    return [
      ...(isParent ? [] : [`lineage[${i}].parent is ${shown(parent)}, expected null or one of ${size} members`]),
      ...(isScore ? [] : [`lineage[${i}].score is ${shown(score)}, expected a finite number or null`]),
      ...(isRecord(origins) ? [] : [`lineage[${i}].origins is ${shown(origins)}, expected an origin for each name`]),
      ...(isRecord(hyperparameters)
        ? misfits(space, hyperparameters, `lineage[${i}].`)
        : [`lineage[${i}].hyperparameters is ${shown(hyperparameters)}, expected an object`]),
    ];
  });
}

const isRecord = <T>(value: T | undefined): value is T & object => typeof value === "object" && value !== null;

/** A way to the row of a member in a generation. */
function rowsOf<H extends object>(
  lineage: Lineage<H>,
): (generation: number, member: number) => LineageRow<H> | undefined {
  const key = (generation: number, member: number): string => `${generation} ${member}`;
  const rows = new Map(lineage.map((row) => [key(row.generation, row.member), row]));
  return (generation, member) => rows.get(key(generation, member));
}
