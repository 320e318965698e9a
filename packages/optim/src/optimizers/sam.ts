import { ArgumentError, detach, keep, noGrad, type Parameter, peekGrad, scope, type Tensor } from "@descent/core";
import { type AnyOptimizer, type Closure, lossOf } from "../base/any-optimizer.ts";
import { type BaseStateDict, Wrapper } from "../base/wrapper.ts";
import { flag, nonNegative, rejectNoClosure } from "../checks.ts";
import { settled } from "../tools/arguments.ts";
import { getTotalNorm } from "../tools/clip.ts";

/** Options of SAM. */
export interface SAMOptions {
  /** How far away the gradients are taken. Default 0.05. */
  readonly rho?: number;
  /** Measures how far in proportion to each weight (Kwon et al. 2021). Default false. */
  readonly adaptive?: boolean;
}

/** Options of the two halves of a step. */
export interface HalfStepOptions {
  /** Forgets the gradients after it. Default false. */
  readonly zeroGrad?: boolean;
}

/**
 * The way uphill to the worst point around: `ρ g / ‖g‖`, or where it is adaptive, `ρ w² g / ‖w g‖`; the norm is that of all gradients
 * together (Foret et al. 2021, equation 2; Kwon et al. 2021, equation 8).
 */
function uphill(ws: readonly Tensor[], gs: readonly Tensor[], rho: number, adaptive: boolean): Tensor[] {
  const norm = getTotalNorm(adaptive ? gs.map((g, i) => ws[i]!.abs().mul(g)) : gs);
  const scale = norm.add(1e-12).reciprocal().mul(rho);
  return gs.map((g, i) => (adaptive ? ws[i]!.square().mul(g) : g).mul(scale.to(g.dtype)));
}

/**
 * Sharpness-aware minimization (Foret et al. 2021) around any optimizer, which steps along the gradients at the worst point around.
 *
 * Names and defaults are those of davda54/sam. It has no state of its own: `stateDict()` is that of the base.
 */
export class SAM<B extends AnyOptimizer> extends Wrapper<B> {
  readonly #rho: number;
  readonly #adaptive: boolean;
  /** Where the parameters were before the first half of a step, during it. */
  #origin: Map<Parameter, Tensor> | null = null;

  constructor(base: B, options: SAMOptions = {}) {
    super("SAM", base);
    const { rho, adaptive } = settled(
      "SAM",
      options,
      { rho: 0.05, adaptive: false },
      { rho: nonNegative, adaptive: flag },
    );
    this.#rho = rho;
    this.#adaptive = adaptive;
  }

  /**
   * One step. The closure clears the gradients, computes the loss, calls `backward()` and returns the loss; it runs twice, at the weights
   * and at the worst point around them, and its first loss is returned. Where it throws, the weights are as they were.
   */
  step(closure: Closure): Tensor {
    return this.run(this.#twice(closure))!;
  }

  /** As `step`, on any device and around algorithms that read values. */
  async stepAsync(closure: Closure): Promise<Tensor> {
    return (await this.runAsync(this.#twice(closure)))!;
  }

  /** Moves to the worst point around, along the gradients that there are; for loops without a closure. */
  firstStep(options: HalfStepOptions = {}): void {
    const { zeroGrad } = settled("SAM.firstStep", options, { zeroGrad: false }, { zeroGrad: flag });
    if (this.#origin !== null)
      throw new ArgumentError("SAM.firstStep", "the weights have been moved", "call secondStep() first");
    noGrad(() => scope(() => this.#climb()));
    if (zeroGrad) this.zeroGrad();
  }

  /** Moves back, and has the base step along the gradients of the worst point. */
  secondStep(options: HalfStepOptions = {}): void {
    const { zeroGrad } = settled("SAM.secondStep", options, { zeroGrad: false }, { zeroGrad: flag });
    if (this.#origin === null)
      throw new ArgumentError("SAM.secondStep", "the weights are where they were", "call firstStep() first");
    this.#return();
    this.run();
    if (zeroGrad) this.zeroGrad();
  }

  /** The state of the base. */
  stateDict(): BaseStateDict<B> {
    return this.base.stateDict() as BaseStateDict<B>;
  }

  /** Takes over what `stateDict()` gave, of this wrapper or of its base alone. */
  loadStateDict(dict: BaseStateDict<B>): void {
    this.base.loadStateDict(dict);
  }

  /** A closure that leaves the gradients of the worst point. */
  #twice(closure: Closure): Closure {
    rejectNoClosure("SAM.step", closure);
    return () => {
      const loss = lossOf("SAM.step", closure);
      this.firstStep();
      try {
        lossOf("SAM.step", closure);
      } finally {
        this.#return();
      }
      return loss;
    };
  }

  #climb(): void {
    const parameters = this.paramGroups.flatMap(({ params }) => params.filter((p) => peekGrad(p) !== null));
    const gradients = parameters.map((p) => peekGrad(p)!);
    const steps = parameters.length === 0 ? [] : uphill(parameters, gradients, this.#rho, this.#adaptive);
    const moved = parameters.map((p, i) => p.add(steps[i]!));
    this.#origin = new Map(parameters.map((p) => [p, keep(detach(p))]));
    for (const [i, p] of parameters.entries()) p.assign(moved[i]!);
  }

  #return(): void {
    for (const [p, value] of this.#origin!) {
      p.assign(value);
      value.dispose();
    }
    this.#origin = null;
  }
}
