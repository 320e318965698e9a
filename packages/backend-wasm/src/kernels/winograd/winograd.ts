import type { Block } from "@descent/core";
import type { Kernel, Runtime } from "../../runtime.ts";
import type { Algorithm, Product } from "../conv2d/algorithm.ts";
import { type Geometry, resultPixels } from "../conv2d/geometry.ts";
import { specialised } from "../conv2d/specialised.ts";
import { adjoint, applies, isFaster, KERNELS_COST, tileCost } from "./choice.ts";
import { convolvePlan, defineConvolve } from "./convolve.ts";
import { PANEL, POINTS, roundUp } from "./layout.ts";
import { defineWeightGrad, patchesOfGroup, weightGradPlan } from "./weight-grad.ts";
import { defineWeights, type WeightKernels } from "./weights.ts";

/**
 * Convolutions with kernels of 3 × 3, stride 1 and padding up to 2 by Winograd's F(4 × 4, 3 × 3), which needs a quarter of the products
 * (Lavin & Gray 2015, "Fast Algorithms for Convolutional Neural Networks").
 *
 * The price is precision: with 16 channels or more an element is off by up to 5e-6 of the sum of its products' absolute values, where
 * the plain sum is off by 3e-7. An infinity becomes NaN, and like a NaN it reaches every element of the tiles that see it.
 */
export class Winograd implements Algorithm {
  readonly #runtime: Runtime;
  #weights: Record<WeightKernels, Kernel> | null = null;
  readonly #convolutions: (g: Geometry) => Record<"convolve", Kernel>;
  readonly #weightGrads: (g: Geometry) => Record<"sumGroups", Kernel>;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#convolutions = specialised(runtime, defineConvolve);
    this.#weightGrads = specialised(runtime, defineWeightGrad);
  }

  suits(product: Product, g: Geometry, images: number): boolean {
    return applies(g) && isFaster(product === "inputGrad" ? adjoint(g) : g, images);
  }

  forward(g: Geometry, images: number, x: Block, weight: Block, bias: Block | null): Block {
    const { transformWeights } = this.#weightKernels();
    const distances = { channel: 36, output: 36 * g.channels };
    return this.#convolve("conv2d", g, images, x, weight, bias, transformWeights, distances);
  }

  inputGrad(g: Geometry, images: number, gradient: Block, weight: Block): Block {
    const { transformFlippedWeights } = this.#weightKernels();
    const distances = { channel: 36 * g.channels, output: 36 };
    const op = "conv2dInputGrad";
    return this.#convolve(op, adjoint(g), images, gradient, weight, null, transformFlippedWeights, distances);
  }

  weightGrad(g: Geometry, images: number, x: Block, gradient: Block, bias: boolean): Block[] {
    const runtime = this.#runtime;
    const plan = weightGradPlan(g);
    const { sumGroups } = this.#weightGrads(g);
    const { totalWeightGrad, totalBiasGrad } = this.#weightKernels();
    const patches = images * plan.patches;
    const group = patchesOfGroup(plan, patches);
    const groups = Math.ceil(patches / group);
    const sizes = [36 * g.outputs * g.channels, ...(bias ? [4 * g.outputs] : []), groups * plan.groupBytes];
    const blocks = runtime.run("conv2dWeightGrad", [x, gradient], sizes, plan.scratchBytes, (from, to, scratch) => {
      const sums = to[sizes.length - 1]!;
      const cost = group * plan.tiles * tileCost(g);
      runtime.launch(sumGroups, groups, cost, [from[0]!, from[1]!, sums, patches, group], [], scratch);
      const { plane, row, bytes } = plan.sums;
      runtime.launch(
        totalWeightGrad,
        g.outputs * Math.ceil(g.channels / 4),
        KERNELS_COST * (1 + groups / 2),
        [sums, to[0]!, g.channels, groups, plan.groupBytes, plane, row],
        [],
        scratch,
      );
      if (!bias) return;
      const fours = Math.ceil(g.outputs / 4);
      runtime.launch(totalBiasGrad, fours, 1 + groups, [sums + bytes, to[1]!, groups, plan.groupBytes]);
    });
    runtime.pager.free(blocks.pop()!);
    return blocks;
  }

  /** The convolution of `x` `[images, C, …g.image]` with kernels so many bytes apart. */
  #convolve(
    op: string,
    g: Geometry,
    images: number,
    x: Block,
    weight: Block,
    bias: Block | null,
    transform: Kernel,
    { channel, output }: { readonly channel: number; readonly output: number },
  ): Block {
    const runtime = this.#runtime;
    const plan = convolvePlan(g);
    const { convolve } = this.#convolutions(g);
    const patches = images * plan.patches;
    // Few images: smaller blocks, so that there are some for every thread. Results do not depend on it.
    const block = Math.max(1, Math.min(plan.block, Math.ceil(patches / (4 * runtime.pool.size))));
    const operands = bias === null ? [x, weight] : [x, weight, bias];
    const sizes = [4 * images * g.outputs * resultPixels(g), POINTS * plan.weightPlane];
    const [result, points] = runtime.run(op, operands, sizes, plan.scratchBytes, (from, to, scratch) => {
      const [x, weight, bias = 0] = from as [number, number, number?];
      const [y, u] = to as [number, number];
      const fours = (g.channels * roundUp(g.outputs, PANEL)) / 4;
      const weights = [weight, u, g.channels, g.outputs, channel, output, plan.weightPlane];
      runtime.launch(transform, fours, KERNELS_COST, weights, [], scratch);
      const cost = block * plan.tiles * tileCost(g);
      runtime.launch(convolve, Math.ceil(patches / block), cost, [x, u, bias, y, patches, block], [], scratch);
    });
    runtime.pager.free(points!);
    return result!;
  }

  #weightKernels(): Record<WeightKernels, Kernel> {
    this.#weights ??= this.#runtime.compile<WeightKernels>(defineWeights);
    return this.#weights;
  }
}
