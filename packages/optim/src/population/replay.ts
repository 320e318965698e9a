import { ArgumentError } from "@descent/core";
import { callable, shown } from "../checks.ts";
import { type LineageRow, rejectNoPath } from "./lineage.ts";
import type { Member } from "./member.ts";

/** A member that was trained along an ancestry, and its score after each interval. */
export interface Replay<M> {
  readonly member: M;
  readonly scores: readonly number[];
}

/**
 * Trains one member as the end of an ancestry was: without the population. `createMember` makes the member of a number as it was before
 * generation 0; only that of the first row is made. Where training is deterministic, the weights are those of the population, to the bit.
 */
export async function replay<H extends object, M extends Pick<Member<H, unknown>, "train">>(
  createMember: (member: number) => M | Promise<M>,
  path: readonly LineageRow<H>[],
): Promise<Replay<M>> {
  if (!callable.test(createMember))
    throw new ArgumentError("replay", `createMember is ${shown(createMember)}, expected a function`);
  rejectNoPath("replay", path);
  const member = await createMember(path[0]!.member);
  const scores: number[] = [];
  for (const { hyperparameters, generation } of path)
    scores.push(await member.train({ ...hyperparameters }, generation));
  return { member, scores };
}
