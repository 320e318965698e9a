import { conv, LENET, mlp, RESNET20, XOR } from "./networks.ts";
import type { ElementwiseName, KernelName, Layer, RuleName, Shape, Task, TrainingStep } from "./task.ts";

export const GROUPS = ["gemm", "elementwise", "overhead", "training", "conv", "kernels", "optimizers"] as const;
type Group = (typeof GROUPS)[number];

/** A task with a name on the command line. It is printed under the first of its groups. */
export interface Workload {
  readonly name: string;
  readonly what: string;
  readonly groups: readonly [Group, ...Group[]];
  readonly task: Task;
}

const gemm = (name: string, m: number, n: number, k: number): Workload => ({
  name: `gemm-${name}`,
  what: `matrix product ${m}×${n}×${k}`,
  groups: ["gemm"],
  task: { kind: "matmul", m, n, k },
});

const elementwise = (op: ElementwiseName, size: number, label: string): Workload => ({
  name: `${op}-${label}`,
  what: `${op} of ${label} elements`,
  groups: ["elementwise"],
  task: { kind: "elementwise", op, size },
});

const step = (
  network: readonly Layer[],
  input: Shape,
  rule: RuleName,
  loss: TrainingStep["loss"],
  outputs: number,
): TrainingStep => ({ network, input, rule, loss, outputs });

const classifier = (name: string, what: string, network: readonly Layer[], input: Shape, rule: RuleName): Workload => ({
  name,
  what: `${what}, batch of ${input[0]}, ${rule === "adam" ? "Adam" : "SGD"} step`,
  groups: ["training"],
  task: { kind: "training", step: step(network, input, rule, "crossEntropy", 10) },
});

const perceptron = (name: string, batch: number, sizes: readonly number[]): Workload[] =>
  (["sgd", "adam"] as const).map((rule) =>
    classifier(`${name}-${rule}`, `MLP ${sizes.join("-")}`, mlp(...sizes), [batch, sizes[0]!], rule),
  );

const both = (make: (backward: boolean, suffix: string, pass: string) => Workload): Workload[] => [
  make(false, "", "forward"),
  make(true, "-grad", "forward and backward"),
];

const convolution = (channels: number, size: number): Workload[] =>
  both((backward, suffix, pass) => ({
    name: `conv-${channels}${suffix}`,
    what: `3×3 convolution of 64 images, ${channels} channels of ${size}×${size}, ${pass}`,
    groups: ["conv", "kernels"],
    task: { kind: "conv", input: [64, channels, size, size], conv: conv(channels, channels, 3), backward },
  }));

const kernel = (name: string, op: KernelName, input: Shape): Workload[] =>
  both((backward, suffix, pass) => ({
    name: `${name}${suffix}`,
    what: `${op} of ${input.join("×")}, ${pass}`,
    groups: ["kernels"],
    task: { kind: "kernel", op, input, backward },
  }));

const optimizer = (name: string, what: string, rule: RuleName): Workload => ({
  name,
  what: `${what} step of 4 tensors of 2¹⁸ elements`,
  groups: ["optimizers"],
  task: { kind: "step", rule, tensors: 4, size: 1 << 18 },
});

const IMAGES = [64, 16, 32, 32];
const ROWS = [1024, 1024];
const ELEMENTWISE = ["add", "relu", "exp", "tanh", "sigmoid", "sum"] as const;

const WORKLOADS: readonly Workload[] = [
  ...[64, 128, 256, 512, 1024].map((n) => gemm(String(n), n, n, n)),
  gemm("256x8192x576", 256, 8192, 576),
  ...ELEMENTWISE.flatMap((op) => [elementwise(op, 1000, "1k"), elementwise(op, 1 << 20, "1M")]),
  { name: "add-tape", what: "add of one element, with tape", groups: ["overhead"], task: { kind: "addOnTape" } },
  {
    name: "chain",
    what: "chain of 20 adds of one element, forward and backward",
    groups: ["overhead"],
    task: { kind: "chain", length: 20 },
  },
  {
    name: "add-undisposed",
    what: "add of 1M elements, the result left to the library",
    groups: ["overhead"],
    task: { kind: "addUndisposed", size: 1 << 20 },
  },
  {
    name: "xor",
    what: "XOR net 2-32-1, batch of 4, SGD step",
    groups: ["training", "overhead"],
    task: { kind: "training", step: step(XOR, [4, 2], "sgd", "mse", 1) },
  },
  ...perceptron("mlp-32", 32, [784, 128, 10]),
  ...perceptron("mlp-128", 128, [784, 128, 10]),
  ...perceptron("mlp-wide", 128, [784, 512, 512, 10]),
  classifier("lenet", "LeNet-5", LENET, [64, 1, 28, 28], "sgd"),
  {
    name: "lenet-infer",
    what: "LeNet-5, batch of 64, forward only",
    groups: ["training"],
    task: { kind: "inference", step: step(LENET, [64, 1, 28, 28], "sgd", "crossEntropy", 10) },
  },
  classifier("resnet20", "ResNet-20 for CIFAR", RESNET20, [64, 3, 32, 32], "sgd"),
  ...convolution(16, 32),
  ...convolution(32, 16),
  ...convolution(64, 8),
  ...kernel("linear", "linear", [128, 512]),
  ...kernel("linear-relu", "linearRelu", [128, 512]),
  ...kernel("max-pool", "maxPool", IMAGES),
  ...kernel("avg-pool", "avgPool", IMAGES),
  ...kernel("batch-norm", "batchNorm", IMAGES),
  ...kernel("layer-norm", "layerNorm", ROWS),
  ...kernel("relu", "relu", ROWS),
  ...kernel("tanh", "tanh", ROWS),
  ...kernel("sigmoid", "sigmoid", ROWS),
  ...kernel("gelu", "gelu", ROWS),
  ...kernel("silu", "silu", ROWS),
  ...kernel("softmax", "softmax", ROWS),
  ...kernel("log-softmax", "logSoftmax", ROWS),
  ...kernel("cross-entropy", "crossEntropy", ROWS),
  ...kernel("mse", "mse", ROWS),
  ...kernel("dropout", "dropout", ROWS),
  optimizer("sgd-1M", "SGD", "sgd"),
  optimizer("momentum-1M", "SGD with momentum", "momentum"),
  optimizer("adagrad-1M", "Adagrad", "adagrad"),
  optimizer("adadelta-1M", "Adadelta", "adadelta"),
  optimizer("rmsprop-1M", "RMSprop", "rmsprop"),
  optimizer("rprop-1M", "Rprop", "rprop"),
  optimizer("adam-1M", "Adam", "adam"),
  optimizer("amsgrad-1M", "AMSGrad", "amsgrad"),
  optimizer("adamw-1M", "AdamW", "adamw"),
  optimizer("adamax-1M", "Adamax", "adamax"),
  optimizer("nadam-1M", "NAdam", "nadam"),
  optimizer("radam-1M", "RAdam", "radam"),
  optimizer("asgd-1M", "ASGD", "asgd"),
];

/** The workloads that names and groups stand for, in the order of the table; all of them for no name. */
export function select(names: readonly string[]): readonly Workload[] {
  if (names.length === 0) return WORKLOADS;
  return WORKLOADS.filter(({ name, groups }) => names.includes(name) || groups.some((group) => names.includes(group)));
}

/** Whether a word of the command line is a workload or a group. */
export const isKnown = (word: string): boolean =>
  GROUPS.some((group) => group === word) || WORKLOADS.some(({ name }) => name === word);
