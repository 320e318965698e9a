import { stack, type Tensor } from "@descent/core";
import "@descent/core/methods";
import { meanOf } from "../base/mean.ts";

/** What the losses after the steps of a window come to, a scalar that meta-training makes small. */
export type MetaLoss = (losses: readonly Tensor[]) => Tensor;

/** The mean of all losses, so that it counts to be fast (Andrychowicz et al. 2016, eq. 3, with equal weights). */
export const meanLoss: MetaLoss = meanOf;

/** The last loss alone. */
export const finalLoss: MetaLoss = (losses) => losses.at(-1)!;

/**
 * The mean logarithm of the losses (Wichrowska et al. 2017, section 3.4): halving a loss counts the same wherever it stands. Losses must not
 * be negative; `eps` (1e-12 by default) is added to them.
 */
export const meanLogLoss =
  (eps = 1e-12): MetaLoss =>
  (losses) =>
    stack([...losses])
      .add(eps)
      .log()
      .mean();
