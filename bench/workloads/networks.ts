import type { ConvLayer, Layer } from "./task.ts";

/** A convolution that keeps the size of the image, where nothing else is said. */
export const conv = (
  inputs: number,
  outputs: number,
  kernel: number,
  { stride = 1, padding = (kernel - 1) / 2, bias = true } = {},
): ConvLayer => ({ layer: "conv", inputs, outputs, kernel, stride, padding, bias });

const linear = (inputs: number, outputs: number): Layer => ({ layer: "linear", inputs, outputs });
const relu: Layer = { layer: "relu" };
const maxPool: Layer = { layer: "maxPool", size: 2 };

export const XOR: readonly Layer[] = [linear(2, 32), { layer: "tanh" }, linear(32, 1)];

/** Linear layers of these sizes with ReLUs between them. */
export const mlp = (...sizes: readonly number[]): readonly Layer[] =>
  sizes.slice(1).flatMap((outputs, i) => [...(i === 0 ? [] : [relu]), linear(sizes[i]!, outputs)]);

/** LeCun et al. 1998, with the ReLUs and maxima of today. */
export const LENET: readonly Layer[] = [
  conv(1, 6, 5),
  relu,
  maxPool,
  conv(6, 16, 5, { padding: 0 }),
  relu,
  maxPool,
  { layer: "flatten" },
  ...mlp(400, 120, 84, 10),
];

/** ResNet-20 for CIFAR (He et al. 2016), with projections where the shape changes. */
export const RESNET20: readonly Layer[] = [
  ...normalized(3, 16, 3),
  relu,
  ...stage(16, 16, 1),
  ...stage(16, 32, 2),
  ...stage(32, 64, 2),
  { layer: "globalAvgPool" },
  { layer: "flatten" },
  linear(64, 10),
];

function stage(inputs: number, outputs: number, stride: number): Layer[] {
  return [block(inputs, outputs, stride), block(outputs, outputs, 1), block(outputs, outputs, 1)];
}

function block(inputs: number, outputs: number, stride: number): Layer {
  return {
    layer: "residual",
    body: [...normalized(inputs, outputs, 3, stride), relu, ...normalized(outputs, outputs, 3)],
    shortcut: inputs === outputs ? [] : normalized(inputs, outputs, 1, stride),
  };
}

function normalized(inputs: number, outputs: number, kernel: number, stride = 1): Layer[] {
  return [conv(inputs, outputs, kernel, { stride, bias: false }), { layer: "batchNorm", channels: outputs }];
}
