import type { Schedulable } from "../base/any-optimizer.ts";
import { badValues, checked, nonNegative, optional, positiveInteger, reject } from "../checks.ts";
import { cosineAnnealing } from "./cosine-annealing-lr.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import { courseOf, type Schedule } from "./schedule.ts";

/** Options of `CosineAnnealingWarmRestarts`. */
export interface CosineAnnealingWarmRestartsOptions {
  /** Steps until the first restart. */
  readonly T0: number;
  /** How many times longer every period is than the one before. Default 1. */
  readonly TMult?: number;
  /** The smallest rate. Default 0. */
  readonly etaMin?: number;
}

/** Half a cosine from `base` towards `etaMin`, again and again, over `T0`, `T0·TMult`, `T0·TMult²`, … steps (SGDR; Loshchilov & Hutter 2017). */
export const cosineWarmRestarts =
  ({ T0, TMult = 1, etaMin = 0 }: CosineAnnealingWarmRestartsOptions): Schedule =>
  (t, base) => {
    let [TCur, TMax] = TMult === 1 ? [t % T0, T0] : [t, T0];
    while (TCur >= TMax) {
      TCur -= TMax;
      TMax *= TMult;
    }
    return cosineAnnealing({ TMax, etaMin })(TCur, base);
  };

/** Lowers the learning rate along half a cosine, and starts anew after `T0`, `T0·TMult`, `T0·TMult²`, … steps. */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  constructor(optimizer: Schedulable, options: CosineAnnealingWarmRestartsOptions) {
    const checks = { T0: positiveInteger, TMult: optional(positiveInteger), etaMin: optional(nonNegative) };
    super(optimizer, {
      ...courseOf(checked("CosineAnnealingWarmRestarts", options, checks), cosineWarmRestarts),
      isAbsolute: true,
      checks: { lastEpoch: nonNegative },
      next({ lastEpoch }, epoch = lastEpoch + 1) {
        reject("CosineAnnealingWarmRestarts.step", badValues({ epoch }, { epoch: nonNegative }));
        return { lastEpoch: epoch };
      },
    });
  }

  /** Goes on by one step, or to any `epoch`, which may be a fraction such as `epoch + batch / batches`. */
  override step(epoch?: number): void {
    super.step(epoch);
  }
}
