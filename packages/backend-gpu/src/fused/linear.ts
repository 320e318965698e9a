import { sizeOf } from "@descent/core";
import type { Device } from "../device.ts";
import { compute, steps } from "../kernels/compute.ts";
import type { GpuOperand } from "../kernels/kernel.ts";
import { LONGEST_LOOP, loop } from "../shaders/shader.ts";
import type { FusedKernel, FusedKernels } from "./fused.ts";

type Linear = readonly [x: GpuOperand, weight: GpuOperand, bias: GpuOperand | null];

/** `x Wᵀ + b` in one launch, for sums that one loop holds. */
export function linear(device: Device): FusedKernels {
  const kernel =
    (op: "linear" | "linearRelu", result: string): FusedKernel<Linear> =>
    ([x, weight, bias]) => {
      const [outputs, inputs] = weight.shape as readonly [number, number];
      if (inputs > LONGEST_LOOP) return null;
      return [
        compute(device, {
          op,
          key: `${op}${bias === null ? "" : " bias"}`,
          shape: [sizeOf(x.shape.slice(0, -1)), outputs],
          places: { x: steps(inputs, 0), w: steps(0, inputs), bias: steps(0, 1) },
          arrays: { xs: x.handle, ws: weight.handle, ...(bias === null ? {} : { biases: bias.handle }) },
          scalars: { inputs },
          body: `let total = ${bias === null ? "0" : "biases[at_bias]"};
${loop("inputs", "total = total + xs[at_x + k] * ws[at_w + k];")}
return ${result};`,
        }),
      ];
    };
  return { linear: kernel("linear", "total"), linearRelu: kernel("linearRelu", "total < 0 ? 0 : total") };
}
