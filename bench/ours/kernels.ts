import { nn, ones, randn, type Tensor, tensor, zeros } from "descent";
import type { KernelName, Shape } from "../workloads/task.ts";

const { functional: F } = nn;

/** A function of an input and further tensors that gradients are wanted for too. */
export interface Kernel {
  readonly parameters: readonly Tensor[];
  readonly forward: (x: Tensor) => Tensor;
}

const plain = (forward: (x: Tensor) => Tensor): Kernel => ({ parameters: [], forward });

/** `ones` and `zeros` as weight and bias of a normalisation. */
const affine = (size: number, forward: (x: Tensor, weight: Tensor, bias: Tensor) => Tensor): Kernel => {
  const [weight, bias] = [ones([size], { requiresGrad: true }), zeros([size], { requiresGrad: true })];
  return { parameters: [weight, bias], forward: (x) => forward(x, weight, bias) };
};

/** Classes of `n` samples: the same for every contender. */
export const labels = (n: number, classes: number): Tensor =>
  tensor(Int32Array.from({ length: n }, (_, i) => (7 * i) % classes));

/** The functions that backends may fuse, as tasks name them, for an input of a shape. */
export const KERNELS: Readonly<Record<KernelName, (input: Shape) => Kernel>> = {
  linear: ([, features]) => {
    const weight = randn([features!, features!], { requiresGrad: true });
    const bias = zeros([features!], { requiresGrad: true });
    return { parameters: [weight, bias], forward: (x) => F.linear(x, weight, { bias }) };
  },
  linearRelu: ([, features]) => {
    const layers = new nn.Sequential(new nn.Linear(features!, features!), new nn.ReLU());
    return { parameters: layers.parameters(), forward: (x) => layers.call(x) };
  },
  maxPool: () => plain((x) => F.maxPool2d(x, 2)),
  avgPool: () => plain((x) => F.avgPool2d(x, 2)),
  batchNorm: ([, channels]) =>
    affine(channels!, (x, weight, bias) => F.batchNorm(x, null, null, { weight, bias, training: true })),
  layerNorm: ([, features]) => affine(features!, (x, weight, bias) => F.layerNorm(x, [features!], { weight, bias })),
  relu: () => plain((x) => x.relu()),
  tanh: () => plain((x) => x.tanh()),
  sigmoid: () => plain((x) => x.sigmoid()),
  gelu: () => plain((x) => F.gelu(x)),
  silu: () => plain((x) => F.silu(x)),
  softmax: () => plain((x) => F.softmax(x, 1)),
  logSoftmax: () => plain((x) => F.logSoftmax(x, 1)),
  crossEntropy: ([rows, classes]) => {
    const target = labels(rows!, classes!);
    return plain((x) => F.crossEntropy(x, target));
  },
  mse: (shape) => {
    const target = randn(shape);
    return plain((x) => F.mseLoss(x, target));
  },
  dropout: () => plain((x) => F.dropout(x, { p: 0.5 })),
};
