// What contenders are asked to do. Plain data, because it travels as JSON: every contender, in whatever language, reads the same shapes.

/** Something whose calls are timed. Images are `[N, C, H, W]`; who prefers another layout allocates in it. */
export type Task =
  /** `[m, k] × [k, n]`. */
  | { readonly kind: "matmul"; readonly m: number; readonly k: number; readonly n: number }
  | { readonly kind: "elementwise"; readonly op: ElementwiseName; readonly size: number }
  /** An addition recorded for a backward pass that never comes. */
  | { readonly kind: "addOnTape" }
  /** An addition whose result nobody disposes of. */
  | { readonly kind: "addUndisposed"; readonly size: number }
  /** So many additions of one element, one after the other, and their gradients. */
  | { readonly kind: "chain"; readonly length: number }
  | { readonly kind: "training"; readonly step: TrainingStep }
  /** The forward pass of the network of a training step, without gradients. */
  | { readonly kind: "inference"; readonly step: TrainingStep }
  | { readonly kind: "conv"; readonly input: Shape; readonly conv: ConvLayer; readonly backward: boolean }
  | { readonly kind: "kernel"; readonly op: KernelName; readonly input: Shape; readonly backward: boolean }
  /** A step of an optimizer over parameters whose gradients stay as they are. */
  | { readonly kind: "step"; readonly rule: RuleName; readonly tensors: number; readonly size: number };

export type Shape = readonly number[];

export type ElementwiseName = "add" | "relu" | "exp" | "tanh" | "sigmoid" | "sum";

/**
 * `linear` has as many outputs as inputs, pooling a window of 2×2, `layerNorm` and the softmaxes see the last axis, `dropout` has p = ½; the
 * target of `mse` needs no gradient.
 */
export type KernelName =
  | "linear"
  | "linearRelu"
  | "maxPool"
  | "avgPool"
  | "batchNorm"
  | "layerNorm"
  | "relu"
  | "tanh"
  | "sigmoid"
  | "gelu"
  | "silu"
  | "softmax"
  | "logSoftmax"
  | "crossEntropy"
  | "mse"
  | "dropout";

/** SGD has lr 0.01, its momentum is 0.9; the others have PyTorch's defaults. */
export type RuleName =
  | "sgd"
  | "momentum"
  | "adagrad"
  | "adadelta"
  | "rmsprop"
  | "rprop"
  | "adam"
  | "amsgrad"
  | "adamw"
  | "adamax"
  | "nadam"
  | "radam"
  | "asgd";

/** Forward, backward and optimizer step on one batch. */
export interface TrainingStep {
  readonly network: readonly Layer[];
  readonly input: Shape;
  /** Mean squared error against numbers of the outputs' shape, or cross-entropy against classes. */
  readonly loss: "mse" | "crossEntropy";
  /** What the network gives for one sample: numbers, or scores of classes. */
  readonly outputs: number;
  readonly rule: RuleName;
}

export interface ConvLayer {
  readonly layer: "conv";
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly bias: boolean;
}

export type Layer =
  | ConvLayer
  | { readonly layer: "linear"; readonly inputs: number; readonly outputs: number }
  | { readonly layer: "batchNorm"; readonly channels: number }
  | { readonly layer: "maxPool"; readonly size: number }
  /** `relu(body(x) + shortcut(x))`; an empty shortcut is `x` itself. */
  | { readonly layer: "residual"; readonly body: readonly Layer[]; readonly shortcut: readonly Layer[] }
  /** `globalAvgPool` leaves one pixel. */
  | { readonly layer: "relu" | "tanh" | "flatten" | "globalAvgPool" };

/** Floating-point operations of a call; `null` where counting them says nothing. */
export function flopsOf(task: Task): number | null {
  if (task.kind === "matmul") return 2 * task.m * task.k * task.n;
  if (task.kind !== "conv") return null;
  const { inputs, outputs, kernel, stride, padding } = task.conv;
  const [n, , ...size] = task.input as [number, number, number, number];
  const positions = size.map((pixels) => Math.floor((pixels + 2 * padding - kernel) / stride) + 1);
  const forward = 2 * n * outputs * inputs * kernel ** 2 * positions[0]! * positions[1]!;
  return task.backward ? 3 * forward : forward;
}
