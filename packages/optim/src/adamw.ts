import { type AdamHyper, type AdamState, adamLike } from "./adam.ts";
import { Optimizer } from "./optimizer.ts";
import type { Params } from "./param-groups.ts";

/** Adam with decoupled weight decay (Loshchilov & Hutter 2019). */
export const adamWRule = adamLike("AdamW", 1e-2, true);

/** AdamW: the weights shrink by `lr · weightDecay` in every step, whatever their gradients. */
export class AdamW extends Optimizer<AdamHyper, AdamState> {
  constructor(params: Params<AdamHyper>, options?: Partial<AdamHyper>) {
    super(adamWRule, params, options);
  }
}
