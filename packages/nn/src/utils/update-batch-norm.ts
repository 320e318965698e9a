import { noGrad, scope, type Tensor } from "@descent/core";
import type { Module } from "../base.ts";
import { BatchNorm } from "../batch-norm.ts";

/**
 * Computes the running statistics of batch norms anew, as averages over some batches: for weights that no batch was trained with, such as
 * averaged ones (Izmailov et al. 2018, section 3.2).
 *
 * A batch is the input of the model, or a list that begins with it. Weights and modes are as before afterwards.
 */
export function updateBatchNorm(
  batches: Iterable<Tensor | readonly [input: Tensor, ...unknown[]]>,
  model: Module & { forward(x: Tensor): unknown },
): void {
  const norms = model.modules().filter((module) => module instanceof BatchNorm);
  if (norms.length === 0) return;
  const modes = model.modules().map((module) => [module, module.training] as const);
  const endings = norms.map((norm) => norm.average());
  model.train();
  try {
    for (const batch of batches)
      noGrad(() =>
        scope(() => {
          model.call("shape" in batch ? batch : batch[0]);
        }),
      );
  } finally {
    for (const end of endings) end();
    for (const [module, training] of modes) module.training = training;
  }
}
