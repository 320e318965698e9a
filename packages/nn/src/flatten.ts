import type { Tensor } from "@descent/core";
import { Module } from "./base.ts";
import { withDefaults } from "./options.ts";
import { keywords } from "./repr.ts";

/** Options of `Flatten`. */
export interface FlattenOptions {
  /** The first axis that is joined. Default 1, which keeps the batch. */
  readonly startDim?: number;
  /** The last axis that is joined. Default -1. */
  readonly endDim?: number;
}

/** Joins the axes `startDim` to `endDim` into one: `[N, C, H, W] → [N, C·H·W]`. */
export class Flatten extends Module {
  /** @internal */
  static override readonly discreet: unknown = Flatten;
  readonly #dims: Required<FlattenOptions>;

  constructor(options: FlattenOptions = {}) {
    super();
    this.#dims = withDefaults("Flatten", options, { startDim: 1, endDim: -1 });
  }

  forward(x: Tensor): Tensor {
    return x.flatten(this.#dims.startDim, this.#dims.endDim);
  }

  protected override extraRepr(): string {
    return keywords({ ...this.#dims });
  }
}
