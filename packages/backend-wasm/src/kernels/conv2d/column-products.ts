import type { Runtime } from "../../runtime.ts";
import type { Algorithm } from "./algorithm.ts";
import { defineForward, forwardPlan } from "./forward.ts";
import { depth, type Geometry, imagePixels, resultPixels } from "./geometry.ts";
import { defineInputGrad, inputGradPlan } from "./input-grad.ts";
import { specialised } from "./specialised.ts";
import { defineWeightGrad, visitsPerPartial, weightGradPlan } from "./weight-grad.ts";

/** Products of weights and columns (im2col): suits every convolution. */
export function columnProducts(runtime: Runtime): Algorithm {
  const forward = specialised(runtime, defineForward);
  const inputGrad = specialised(runtime, defineInputGrad);
  const weightGrad = specialised(runtime, defineWeightGrad);

  return {
    suits: () => true,
    forward(g, images, x, weight, bias) {
      const plan = forwardPlan(g);
      const kernel = forward(g, bias !== null).conv2d;
      const items = images * g.groups * plan.blocks;
      const operands = bias === null ? [x, weight] : [x, weight, bias];
      const bytes = 4 * images * g.groups * g.outputs * resultPixels(g);
      return runtime.run("conv2d", operands, [bytes], plan.scratchBytes, ([x, weight, bias = 0], [y], scratch) =>
        runtime.launch(kernel, items, nanoseconds(g) / plan.blocks, [x!, weight!, bias, y!], [], scratch),
      )[0]!;
    },
    inputGrad(g, images, gradient, weight) {
      const plan = inputGradPlan(g);
      const kernels = inputGrad(g);
      const items = images * g.groups * plan.blocks;
      const bytes = 4 * images * g.groups * g.channels * imagePixels(g);
      const size = g.groups * g.outputs * depth(g);
      const cost = nanoseconds(g) / plan.blocks;
      const blocks = runtime.run(
        "conv2dInputGrad",
        [gradient, weight],
        [bytes, 4 * size],
        plan.scratchBytes,
        (from, to, scratch) => {
          const [dx, transposed] = to as [number, number];
          runtime.launch(kernels.transpose, g.groups, size / g.groups, [from[1]!, transposed]);
          runtime.launch(kernels.conv2dInputGrad, items, cost, [from[0]!, transposed, dx], [], scratch);
        },
      );
      runtime.pager.free(blocks[1]!);
      return blocks[0]!;
    },
    weightGrad(g, images, x, gradient, bias) {
      const plan = weightGradPlan(g);
      const { partial, total } = weightGrad(g, bias);
      const all = images * plan.rowBlocks;
      const visits = visitsPerPartial(g, images);
      const partials = Math.ceil(all / visits);
      const items = partials * g.groups * plan.blocks;
      const outputs = g.groups * g.outputs;
      const sizes = [4 * outputs * depth(g), ...(bias ? [4 * outputs] : []), 4 * items * plan.partialFloats];
      const blocks = runtime.run("conv2dWeightGrad", [x, gradient], sizes, plan.scratchBytes, (from, to, scratch) => {
        const sums = to[sizes.length - 1]!;
        const cost = (visits * nanoseconds(g)) / (plan.rowBlocks * plan.blocks);
        runtime.launch(partial, items, cost, [from[0]!, from[1]!, sums, visits, all], [], scratch);
        runtime.launch(total, outputs, 1 + (partials * depth(g)) / 4, [sums, partials, to[0]!, bias ? to[1]! : 0]);
      });
      runtime.pager.free(blocks.pop()!);
      return blocks;
    },
  };
}

/** About how long a product of one image's group takes, at 50 multiplications and additions in a nanosecond. */
const nanoseconds = (g: Geometry): number => (g.outputs * depth(g) * resultPixels(g)) / 25;
