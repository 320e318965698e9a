import { ArgumentError } from "@descent/core";
import type { Member } from "./member.ts";

/** How a hyperparameter came to its value. */
export type Origin = "given" | "sampled" | "kept" | "perturbed" | "resampled";

/** What one member did in one generation. Plain data. */
export interface LineageRow<H> {
  /** 0, 1, … */
  readonly generation: number;
  /** Its place in the population. */
  readonly member: number;
  /** The member that it was copied from before this generation; `null` where it went on as it was. */
  readonly parent: number | null;
  readonly hyperparameters: H;
  readonly origins: { readonly [K in keyof H]: Origin };
  /** The score after this generation. */
  readonly score: number;
}

/** All rows, generation by generation, members in order. */
export type Lineage<H> = readonly LineageRow<H>[];

/** What a member has lived through, from the first generation to its last one, itself and those that it was copied from. */
export function ancestry<H>(lineage: Lineage<H>, member: number): LineageRow<H>[] {
  const rows: LineageRow<H>[] = [];
  let at = member;
  for (let generation = lineage.at(-1)?.generation ?? -1; generation >= 0; generation--) {
    const row = lineage.find((candidate) => candidate.generation === generation && candidate.member === at);
    if (row === undefined)
      throw new ArgumentError(
        "ancestry",
        `the lineage has no member ${at} in generation ${generation}`,
        "pass all rows",
      );
    rows.unshift(row);
    at = row.parent ?? at;
  }
  return rows;
}

/** The hyperparameters that a member was trained with, a row for every generation of its ancestry: a schedule, ready to be plotted. */
export const schedule = <H extends object>(
  lineage: Lineage<H>,
  member: number,
): (H & { readonly generation: number; readonly score: number })[] =>
  ancestry(lineage, member).map(({ generation, score, hyperparameters }) => ({
    ...hyperparameters,
    generation,
    score,
  }));

/**
 * Trains one member with the hyperparameters of an ancestry: it ends with the weights that the population's member has, bit for bit.
 * `create` makes the member that stood at a place of the population at the start.
 */
export async function replay<H, M extends Pick<Member<H, never>, "train">>(
  create: (member: number) => M,
  rows: Lineage<H>,
): Promise<M> {
  if (rows.length === 0) throw new ArgumentError("replay", "the ancestry is empty", "pass what ancestry() gave");
  const member = create(rows[0]!.member);
  for (const { hyperparameters, generation } of rows) await member.train(hyperparameters, generation);
  return member;
}
