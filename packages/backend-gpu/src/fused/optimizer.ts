import type { Device, GpuArray } from "../device.ts";
import { type GpuOperand, inOrder } from "../kernels/kernel.ts";
import { map } from "../kernels/map.ts";
import type { FusedKernels } from "./fused.ts";

type SgdInputs = readonly [
  p: GpuOperand,
  g: GpuOperand,
  buffer: GpuOperand | null,
  lr: number,
  momentum: number,
  dampening: number,
  weightDecay: number,
];

interface SgdVariant {
  readonly buffered: boolean;
  readonly nesterov: boolean;
  readonly maximize: boolean;
}

type AdamInputs = readonly [
  p: GpuOperand,
  g: GpuOperand,
  expAvg: GpuOperand,
  expAvgSq: GpuOperand,
  maxExpAvgSq: GpuOperand | null,
  lr: number,
  beta1: number,
  beta2: number,
  correction1: number,
  correction2: number,
  eps: number,
  weightDecay: number,
];

interface AdamVariant {
  readonly decoupled: boolean;
  readonly maximize: boolean;
}

/** The gradient with its penalty, as `d`. */
const PENALIZED = "const d = sign * g + decay * p;\n";

/** Steps of optimizers: one launch per result. */
export function optimizerSteps(device: Device): FusedKernels {
  return {
    sgdStep([p, g, before, lr, momentum, dampening, weightDecay]: SgdInputs, variant: SgdVariant) {
      const { buffered, nesterov, maximize } = variant;
      const operands = { p: inOrder(p), g: inOrder(g), sign: maximize ? -1 : 1, decay: weightDecay };
      const step = (key: string, inputs: Parameters<typeof map>[1]["inputs"], body: string): GpuArray =>
        map(device, { op: "sgdStep", key, shape: p.shape, inputs, body: PENALIZED + body });
      if (!buffered) return [step("sgdStep", { ...operands, lr }, "return p - lr * d;")];
      // The first buffer is the gradient: by the shader of the later ones, so that a second step compiles nothing.
      const buffer = step(
        "sgdStep buffer",
        {
          ...operands,
          b: inOrder(before ?? g),
          momentum: before === null ? 0 : momentum,
          rest: before === null ? 1 : 1 - dampening,
        },
        "return momentum * b + rest * d;",
      );
      const b = { ...inOrder(p), array: buffer };
      const next = nesterov
        ? step("sgdStep nesterov", { ...operands, b, lr, momentum }, "return p - lr * (d + momentum * b);")
        : step("sgdStep momentum", { ...operands, b, lr }, "return p - lr * b;");
      return [next, buffer];
    },

    adamStep(inputs: AdamInputs, { decoupled, maximize }: AdamVariant) {
      const [p, g, expAvg, expAvgSq, maxExpAvgSq, lr, beta1, beta2, correction1, correction2, eps, weightDecay] =
        inputs;
      const operands = { p: inOrder(p), g: inOrder(g), sign: maximize ? -1 : 1, decay: decoupled ? 0 : weightDecay };
      const of = (array: GpuArray) => ({ ...inOrder(p), array });
      const step = (key: string, inputs: Parameters<typeof map>[1]["inputs"], body: string): GpuArray =>
        map(device, { op: "adamStep", key: `adamStep ${key}`, shape: p.shape, inputs, body });
      // 1 − β in doubles: of β in float32, three digits would be left.
      const m = step(
        "average",
        { ...operands, m: inOrder(expAvg), beta: beta1, rest: 1 - beta1 },
        `${PENALIZED}return beta * m + rest * d;`,
      );
      const v = step(
        "average of squares",
        { ...operands, v: inOrder(expAvgSq), beta: beta2, rest: 1 - beta2 },
        `${PENALIZED}return beta * v + rest * d * d;`,
      );
      const most =
        maxExpAvgSq === null
          ? null
          : step("maximum", { x: inOrder(maxExpAvgSq), y: of(v) }, "return x >= y ? x : (x < y ? y : x + y);");
      const next = step(
        "value",
        {
          p: inOrder(p),
          m: of(m),
          v: of(most ?? v),
          keep: decoupled ? 1 - lr * weightDecay : 1,
          rate: lr / correction1,
          root: Math.sqrt(correction2),
          eps,
        },
        "return p * keep - rate * m / (Math.sqrt(v) / root + eps);",
      );
      return most === null ? [next, m, v] : [next, m, v, most];
    },
  };
}
