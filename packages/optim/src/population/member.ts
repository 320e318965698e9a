import { ArgumentError } from "@descent/core";

/**
 * One of a population: a training that can be told its hyperparameters, saved, and put where another one stands. It may live anywhere, in
 * another thread, process or machine: the population knows no more of it than this.
 */
export interface Member<H extends object, C> {
  /** Trains one interval with hyperparameters, and gives the score at its end. One that is not finite ranks last. */
  train(hyperparameters: H, generation: number): number | Promise<number>;
  /** Everything that the training needs to go on where it is: a snapshot, which no later training changes, or where to find one. */
  save(): C | Promise<C>;
  /** Takes over what this or another member saved, and leaves it as it is. */
  load(checkpoint: C): unknown;
}

/** A member of a population that threw. `cause` is what it threw. */
export class MemberError extends ArgumentError {
  override readonly cause: unknown;

  constructor(
    op: string,
    /** Its number. */
    readonly member: number,
    readonly generation: number,
    /** What it was asked to do. */
    readonly task: "train" | "save" | "load",
    cause: unknown,
    remedy: string,
  ) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(op, `member ${member} failed to ${task} in generation ${generation} (${why})`, remedy);
    this.cause = cause;
  }
}
