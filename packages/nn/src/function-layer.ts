import type { Tensor } from "@descent/core";
import { Module } from "./base.ts";

/** What a layer computes, in training or not, once its arguments have been checked, and how PyTorch prints it. */
export type Plan = readonly [fn: (x: Tensor, training?: boolean) => Tensor, text: () => string];

/** What makes a plan of the arguments of a function or a constructor, whose name errors begin with. */
export type Planner<A extends readonly unknown[]> = (op: string, ...args: A) => Plan;

/** A layer without state: a function with its options, and how PyTorch prints them. */
export abstract class FunctionLayer extends Module {
  /** @internal */
  static override readonly discreet: unknown = FunctionLayer;
  readonly #plan: Plan;

  protected constructor(plan: Plan) {
    super();
    this.#plan = plan;
  }

  forward(x: Tensor): Tensor {
    return this.#plan[0](x, this.training);
  }

  protected override extraRepr(): string {
    return this.#plan[1]();
  }
}

/** The layer of a plan, whose constructor takes its arguments. */
export const layerOf = <A extends readonly unknown[]>(
  name: string,
  planner: Planner<A>,
): (new (
  ...args: A
) => FunctionLayer) =>
  class extends FunctionLayer {
    constructor(...args: A) {
      super(planner(name, ...args));
    }
  };

/** The function of a plan, which takes its arguments behind the input. */
export const functionOf =
  <A extends readonly unknown[]>(name: string, planner: Planner<A>): ((x: Tensor, ...args: A) => Tensor) =>
  (x, ...args) =>
    planner(name, ...args)[0](x);

/** The layer of a function without options. */
export const elementwise = (fn: (x: Tensor) => Tensor): (new () => FunctionLayer) => layerOf("", () => [fn, () => ""]);
