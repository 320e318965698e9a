import type { Runtime, Scratch } from "../../runtime.ts";
import type { Geometry } from "./geometry.ts";

/** The three products of a convolution, by their ops: its result, and the gradients of its two operands. */
export type Product = "conv2d" | "conv2dInputGrad" | "conv2dWeightGrad";

/** A product compiled for a geometry. */
export interface Compiled {
  /** Bytes of scratch memory for every thread. */
  readonly scratchBytes: number;
  /** Bytes of a block that the product of so many images needs meanwhile; none where it is left out. */
  between?(images: number): number;
  /** Computes it, given the addresses of its operands, and those of its results and of the block in between. */
  run(images: number, operands: readonly number[], results: readonly number[], scratch: Scratch): void;
}

/**
 * Compiles a product of
 *
 * - `conv2d`: `x, weight, bias` to `[N, O, oh, ow]`,
 * - `conv2dInputGrad`: the gradient of that and the weight to the gradient of `x` `[N, C, H, W]`,
 * - `conv2dWeightGrad`: `x` and that gradient to the gradients of the weight `[O, C/groups, kh, kw]` and of the bias `[O]`,
 *
 * with or without the bias.
 */
export type Compile = (runtime: Runtime, geometry: Geometry, bias: boolean) => Compiled;

/** A way to compute convolutions of float32. `conv2d` asks the algorithms in their order and takes the first that `suits`. */
export interface Algorithm extends Readonly<Record<Product, Compile>> {
  /** Whether it can compute a product of `images` images, and is the fastest that can. Depends on nothing else. */
  suits(product: Product, geometry: Geometry, images: number): boolean;
}
