import type { Block } from "@descent/core";
import type { Geometry } from "./geometry.ts";

/** The three products of a convolution: its result, and the gradients of its two operands. */
export type Product = "forward" | "inputGrad" | "weightGrad";

/**
 * A way to compute convolutions of float32.
 *
 * `conv2d` asks the algorithms in their order and takes the first that `suits`. Each method is a whole kernel of the pager's protocol,
 * which returns new blocks.
 */
export interface Algorithm {
  /** Whether it can compute a product of `images` images, and is the fastest that can. Depends on nothing else. */
  suits(product: Product, geometry: Geometry, images: number): boolean;
  /** The result `[N, O, oh, ow]`; no bias is `null`. */
  forward(geometry: Geometry, images: number, x: Block, weight: Block, bias: Block | null): Block;
  /** The gradient of `x` `[N, C, H, W]`, given that of the result. */
  inputGrad(geometry: Geometry, images: number, g: Block, weight: Block): Block;
  /** The gradient of the weight `[O, C/groups, kh, kw]`, and that of the bias `[O]` where it is wanted. */
  weightGrad(geometry: Geometry, images: number, x: Block, g: Block, bias: boolean): Block[];
}
