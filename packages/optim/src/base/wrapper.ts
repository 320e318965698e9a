import type { Tensor } from "@descent/core";
import { type AnyOptimizer, type Closure, rejectNoOptimizer } from "./any-optimizer.ts";
import { type StepHook, StepHooks } from "./step-hooks.ts";

/** The state dict of what is wrapped. */
export type BaseStateDict<B extends AnyOptimizer> = ReturnType<B["stateDict"]>;

/** An optimizer around another one, whose parameters and options are its own. It looks like one, to schedulers and to other wrappers. */
export abstract class Wrapper<B extends AnyOptimizer> {
  /** The optimizer that makes the steps. */
  readonly base: B;
  readonly #hooks = new StepHooks<this>();

  constructor(name: string, base: B) {
    rejectNoOptimizer(name, base);
    this.base = base;
  }

  /** The groups of the base. */
  get paramGroups(): B["paramGroups"] {
    return this.base.paramGroups;
  }

  /** Forgets all gradients. */
  zeroGrad(): void {
    this.base.zeroGrad();
  }

  /** Has the base put the weights to train with into the parameters. */
  train(): void {
    this.base.train();
  }

  /** Has the base put the weights to use into the parameters. */
  eval(): void {
    this.base.eval();
  }

  /** Adds parameters to the base. */
  addParamGroup(group: Parameters<B["addParamGroup"]>[0]): void {
    this.base.addParamGroup(group);
  }

  /** Adds a function that runs before every step, with the wrapper; the function that is returned removes it. */
  registerStepPreHook(hook: StepHook<this>): () => void {
    return this.#hooks.addBefore(hook);
  }

  /** Adds a function that runs after every step, with the wrapper; the function that is returned removes it. */
  registerStepPostHook(hook: StepHook<this>): () => void {
    return this.#hooks.addAfter(hook);
  }

  /** @internal A step of the base, between what comes before and after. */
  protected run(closure?: Closure): Tensor | undefined {
    this.#begin();
    const loss = this.base.step(closure);
    this.#end();
    return loss;
  }

  /** @internal The same on any device. */
  protected async runAsync(closure?: Closure): Promise<Tensor | undefined> {
    this.#begin();
    const loss = await this.base.stepAsync(closure);
    this.#end();
    return loss;
  }

  /** @internal Runs before a step of the base. */
  protected before(): void {}

  /** @internal Runs after a step of the base. */
  protected after(): void {}

  #begin(): void {
    this.#hooks.before(this);
    this.before();
  }

  #end(): void {
    this.after();
    this.#hooks.after(this);
  }
}
