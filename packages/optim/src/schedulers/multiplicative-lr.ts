import type { Schedulable } from "../base/any-optimizer.ts";
import { count } from "../checks.ts";
import { checkedLambdas, type LambdaLROptions, type LrLambda } from "./lambda-lr.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import { at } from "./per-group.ts";
import { type Course, courseOf, type Place, type Schedule } from "./schedule.ts";

/** The rate times a factor at every step from the first on: `base · factor(1) ⋯ factor(t)`. */
export function multiplied(factor: LrLambda): Schedule {
  // The product up to a step, so that each factor is asked for once on the way.
  let known = 0;
  let product = 1;
  return (t, base) => {
    if (t < known) [known, product] = [0, 1];
    while (known < t) {
      product *= factor(known + 1);
      known++;
    }
    return base * product;
  };
}

/** Where a `MultiplicativeLR` stands. */
interface MultiplicativePlace extends Place {
  /** The first epoch whose factor counts: 1, or 0 where a `SequentialLR` has entered it, as in PyTorch. */
  readonly first: number;
}

/** Multiplies the learning rate by a function of the epoch, at every step. */
export class MultiplicativeLR extends LRScheduler {
  constructor(optimizer: Schedulable, options: LambdaLROptions) {
    const { lrLambda } = checkedLambdas("MultiplicativeLR", options);
    const product = courseOf<{ lrLambda: LrLambda }, "lrLambda">({ lrLambda }, (own) => multiplied(own.lrLambda), [
      "lrLambda",
    ]);
    const course: Course<MultiplicativePlace> = {
      ...product,
      start: { lastEpoch: 0, first: 1 },
      entry: { lastEpoch: 0, first: 0 },
      checks: { lastEpoch: count, first: count },
      next: (place) => ({ ...place, lastEpoch: place.lastEpoch + 1 }),
      rate: (place, i, incoming) =>
        product.rate(place, i, place.first === 0 ? incoming * at(lrLambda, i)(0) : incoming),
    };
    super(optimizer, course);
  }
}
