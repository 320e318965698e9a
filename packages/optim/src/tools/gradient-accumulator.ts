import { noGrad, peekGrad, replaceGrad, scope, Tensor } from "@descent/core";
import "@descent/core/methods";
import { type AnyOptimizer, rejectNoOptimizer } from "../base/any-optimizer.ts";
import { type Check, callable, checked, optional, positiveInteger } from "../checks.ts";
import { settled } from "./arguments.ts";

/** Options of `GradientAccumulator`. */
export interface GradientAccumulatorOptions {
  /** After how many losses the optimizer makes a step. */
  readonly steps: number;
  /** Is called before every step of the optimizer, when the gradients are complete: the place to clip them. */
  readonly beforeStep?: (() => void) | undefined;
}

const tensors: Check = { expected: "a tensor", test: (value) => value instanceof Tensor };

/**
 * Makes one step of an optimizer from several micro-batches: where losses are means over batches of one size, the step is that of the
 * one large batch.
 */
export class GradientAccumulator {
  readonly #optimizer: AnyOptimizer;
  readonly #options: GradientAccumulatorOptions;
  #pending = 0;

  constructor(optimizer: AnyOptimizer, options: GradientAccumulatorOptions) {
    rejectNoOptimizer("GradientAccumulator", optimizer);
    this.#optimizer = optimizer;
    this.#options = settled<GradientAccumulatorOptions>("GradientAccumulator", options, options, {
      steps: positiveInteger,
      beforeStep: optional(callable),
    });
  }

  /** The number of losses since the last step of the optimizer. */
  get pending(): number {
    return this.#pending;
  }

  /**
   * Adds the gradient of a loss, and with every `steps`-th one lets the optimizer step: then it returns true.
   *
   * The gradients of a step are forgotten when the next loss comes, not before.
   */
  step(loss: Tensor): boolean {
    return this.#add(loss) && this.flush();
  }

  /** As `step`, on any device and with optimizers that read values. */
  async stepAsync(loss: Tensor): Promise<boolean> {
    return this.#add(loss) && this.flushAsync();
  }

  /** Steps with what has come in since the last step, as at the end of an epoch: their mean counts, however many they are. */
  flush(): boolean {
    if (!this.#complete()) return false;
    this.#optimizer.step();
    return true;
  }

  /** As `flush`, on any device and with optimizers that read values. */
  async flushAsync(): Promise<boolean> {
    if (!this.#complete()) return false;
    await this.#optimizer.stepAsync();
    return true;
  }

  /** Adds the gradient of a loss, and tells whether it was the last one before a step. */
  #add(loss: Tensor): boolean {
    checked("GradientAccumulator.step", { loss }, { loss: tensors });
    const { steps } = this.#options;
    if (this.#pending === 0) this.#optimizer.zeroGrad();
    scope(() => loss.div(steps).backward());
    return ++this.#pending >= steps;
  }

  /** Makes the gradients what the optimizer is to step along, if there are any. */
  #complete(): boolean {
    if (this.#pending === 0) return false;
    const { steps, beforeStep } = this.#options;
    if (this.#pending !== steps) this.#scale(steps / this.#pending);
    // First, so that gradients are not scaled twice where a step fails: `optimizer.step()` may repeat it.
    this.#pending = 0;
    beforeStep?.();
    return true;
  }

  #scale(factor: number): void {
    for (const { params } of this.#optimizer.paramGroups)
      for (const p of params) {
        const g = peekGrad(p);
        if (g !== null)
          replaceGrad(
            p,
            noGrad(() => g.mul(factor)),
          );
      }
  }
}
