import { expect, test } from "vitest";
import { select } from "../workloads/index.ts";
import { conv, XOR } from "../workloads/networks.ts";
import type { RuleName, Task, TrainingStep } from "../workloads/task.ts";
import { KERNELS } from "./kernels.ts";
import { make, OPTIMIZERS } from "./tasks.ts";

const IMAGES = [2, 3, 4, 4];
const xor: TrainingStep = { network: XOR, input: [4, 2], loss: "mse", outputs: 1, rule: "adam" };
/** Every kind of layer, on images of 4×4. */
const pixels: TrainingStep = {
  network: [
    conv(3, 4, 3, { bias: false }),
    { layer: "batchNorm", channels: 4 },
    { layer: "residual", body: [conv(4, 4, 3), { layer: "relu" }], shortcut: [] },
    { layer: "maxPool", size: 2 },
    { layer: "globalAvgPool" },
    { layer: "flatten" },
    { layer: "linear", inputs: 4, outputs: 10 },
    { layer: "tanh" },
  ],
  input: IMAGES,
  loss: "crossEntropy",
  outputs: 10,
  rule: "momentum",
};

/** The tasks of the workloads, made small. */
const TASKS: readonly Task[] = [
  { kind: "matmul", m: 2, k: 3, n: 4 },
  ...(["add", "relu", "exp", "tanh", "sigmoid", "sum"] as const).map(
    (op) => ({ kind: "elementwise", op, size: 5 }) as const,
  ),
  { kind: "addOnTape" },
  { kind: "addUndisposed", size: 5 },
  { kind: "chain", length: 3 },
  ...[xor, pixels].flatMap((step) => [{ kind: "training", step } as const, { kind: "inference", step } as const]),
  ...[false, true].flatMap((backward) => [
    { kind: "conv", input: IMAGES, conv: conv(3, 4, 3), backward } as const,
    ...(Object.keys(KERNELS) as (keyof typeof KERNELS)[]).map((op) => {
      const input = ["maxPool", "avgPool", "batchNorm"].includes(op) ? IMAGES : [4, 4];
      return { kind: "kernel", op, input, backward } as const;
    }),
  ]),
  ...(Object.keys(OPTIMIZERS) as RuleName[]).map((rule) => ({ kind: "step", rule, tensors: 2, size: 3 }) as const),
];

test.each(TASKS)("descent can be called again and again: $kind $op", (task) => {
  const call = make(task);
  call();
  call();
});

test("every kind of task is among them", () => {
  const kinds = (tasks: readonly Task[]) => new Set(tasks.map(({ kind }) => kind));
  expect(kinds(TASKS)).toEqual(kinds(select([]).map(({ task }) => task)));
});
