import { normalizeAxis, type Shape, ShapeError, show, sizeOf, type Tensor } from "@descent/core";
import { Module } from "./base.ts";
import { FunctionLayer } from "./function-layer.ts";
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

/** Divides the axis `dim` into axes of the given sizes, of which one may be −1: `[N, C·H·W] → [N, C, H, W]`. */
export class Unflatten extends FunctionLayer {
  /** @internal */
  static override readonly discreet: unknown = Unflatten;
  constructor(dim: number, unflattenedSize: Shape) {
    super((x) => {
      const axis = normalizeAxis("Unflatten", dim, x.ndim);
      const size = x.shape[axis]!;
      const known = sizeOf(unflattenedSize.filter((n) => n !== -1));
      const sizes = unflattenedSize.map((n) => (n === -1 ? size / known : n));
      if (sizes.length === 0 || !sizes.every((n) => Number.isInteger(n) && n >= 0) || sizeOf(sizes) !== size)
        throw new ShapeError(
          "Unflatten",
          `axis ${dim} of ${show(x.shape)} does not divide into ${show(unflattenedSize)}`,
          `the sizes must multiply to ${size}; one of them may be -1`,
        );
      return x.reshape(x.shape.toSpliced(axis, 1, ...sizes));
    }, keywords({ dim, unflattenedSize }));
  }
}
