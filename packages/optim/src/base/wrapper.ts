import { ArgumentError, type Parameter, type Tensor } from "@descent/core";
import { shown } from "../checks.ts";
import type { Closure } from "./optimizer.ts";
import { type StepHook, StepHooks } from "./step-hooks.ts";

/** What can be wrapped: optimizers, and wrappers. */
export interface Wrappable {
  readonly paramGroups: readonly { readonly params: readonly Parameter[] }[];
  step(closure?: Closure): Tensor | undefined;
  stepAsync(closure?: Closure): Promise<Tensor | undefined>;
  zeroGrad(): void;
  train(): void;
  eval(): void;
  addParamGroup(group: never): void;
  stateDict(): unknown;
  loadStateDict(dict: never): void;
}

/** The state dict of what is wrapped. */
export type BaseStateDict<B extends Wrappable> = ReturnType<B["stateDict"]>;

/** An optimizer around another one, whose parameters and options are its own. It looks like one, to schedulers and to other wrappers. */
export abstract class Wrapper<B extends Wrappable> {
  /** The optimizer that makes the steps. */
  readonly base: B;
  readonly #hooks = new StepHooks<this>();

  constructor(name: string, base: B) {
    if (typeof (base as Partial<B> | undefined)?.stepAsync !== "function")
      throw new ArgumentError(name, `expected an optimizer, got ${shown(base)}`, "wrap one, such as new SGD(…)");
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
    this.base.addParamGroup(group as never);
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
