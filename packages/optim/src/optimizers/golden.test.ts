import { readFileSync } from "node:fs";
import { cpu } from "@descent/backend-cpu";
import { wasm } from "@descent/backend-wasm";
import { Parameter, setBackend, type Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import { fusedBackend, withoutFused } from "@descent/testing";
import { beforeEach, describe, expect, test } from "vitest";
import * as optim from "../index.ts";

// What PyTorch answers, and the authors of what is not in PyTorch.

interface Array32 {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

interface OptimizerCase {
  readonly optimizer: string;
  readonly options: object;
  /** A group for every parameter, with a rate of its own; without, all have the options. */
  readonly groupLrs?: readonly number[];
  readonly params: readonly Array32[];
  readonly grads: readonly (readonly (Array32 | null)[])[];
  readonly trajectory: readonly (readonly Array32[])[];
  /** Where the weights to use are not those to train with: what they are after the last step. */
  readonly averaged?: readonly Array32[];
}

function cases<T>(file: string): readonly T[] {
  const url = new URL(`../../../testing/golden/${file}.json`, import.meta.url);
  return (JSON.parse(readFileSync(url, "utf8")) as { cases: T[] }).cases;
}

/** Those that need closures have tests of their own. */
const ELSEWHERE = ["SLS"];

const OPTIMIZERS: Record<string, new (params: never, options: never) => optim.SGD> = {
  SGD: optim.SGD,
  Adam: optim.Adam as never,
  AdamW: optim.AdamW as never,
  Adagrad: optim.Adagrad as never,
  Adadelta: optim.Adadelta as never,
  RMSprop: optim.RMSprop as never,
  Rprop: optim.Rprop as never,
  Adamax: optim.Adamax as never,
  NAdam: optim.NAdam as never,
  RAdam: optim.RAdam as never,
  ASGD: optim.ASGD as never,
  COCOB: optim.COCOB as never,
  Lion: optim.Lion as never,
  SGDScheduleFree: optim.SGDScheduleFree as never,
  AdamWScheduleFree: optim.AdamWScheduleFree as never,
  Adafactor: optim.Adafactor as never,
  Muon: optim.Muon as never,
  Prodigy: optim.Prodigy as never,
};
/** How far single precision may lead, where it is not 2e-6: an estimate that grows by powers grows its rounding errors, too. */
const DRIFT: Readonly<Record<string, number>> = { Prodigy: 2e-4 };

beforeEach(() => setBackend(cpu()));

const numbers = (x: Tensor): number[] => Array.from(x.dataSync());
const toTensor = ({ shape, data }: Array32): Tensor => tensor([...data]).reshape(shape);

/** Kernels, and ops where there are none, in double and in single precision on the way. */
const one = await wasm({ threads: 1 });
const BACKENDS = {
  "op by op": cpu(),
  fused: fusedBackend(),
  "op by op on wasm": withoutFused(one),
  "fused on wasm": one,
};

const golden = [...cases<OptimizerCase>("optimizers"), ...cases<OptimizerCase>("optimizers-beyond-torch")].map((c) => ({
  ...c,
  // What stands behind the name says which of two sequences of weights it is.
  optimizer: c.optimizer.split(" ")[0]!,
}));

describe.each(Object.entries(BACKENDS))("optimizers follow PyTorch's trajectories, %s", (_name, backend) => {
  beforeEach(() => setBackend(backend));

  function expectNear(p: Tensor, { data }: Array32, what: string, tolerance = 2e-6): void {
    const size = Math.max(1, ...data.map(Math.abs));
    const error = Math.max(...numbers(p).map((x, k) => Math.abs(x - data[k]!)));
    expect(error, what).toBeLessThanOrEqual(tolerance * size);
  }

  test.each(
    golden
      .filter(({ optimizer }) => !ELSEWHERE.includes(optimizer))
      .map((c) => ({ ...c, title: `${c.optimizer} ${JSON.stringify(c.options)}` })),
  )("$title", ({ optimizer: name, options, groupLrs, params, grads, trajectory, averaged }) => {
    const parameters = params.map((p) => new Parameter(toTensor(p)));
    const groups = parameters.map((p, i) => (groupLrs === undefined ? p : { params: [p], lr: groupLrs[i]! }));
    const optimizer = new OPTIMIZERS[name]!(groups as never, options as never);
    for (const [step, gradients] of grads.entries()) {
      for (const [i, p] of parameters.entries()) {
        const gradient = gradients[i] ?? null;
        p.grad = gradient === null ? null : toTensor(gradient);
      }
      optimizer.step();
      for (const [i, p] of parameters.entries())
        expectNear(p, trajectory[step]![i]!, `step ${step}, parameter ${i}`, DRIFT[name]);
    }
    if (averaged === undefined) return;
    if (optimizer instanceof optim.ASGD) optimizer.swapAverages();
    else optimizer.eval();
    for (const [i, p] of parameters.entries()) expectNear(p, averaged[i]!, `average of parameter ${i}`);
  });
});

test("every case of an optimizer runs", () => {
  const names = new Set(golden.map(({ optimizer }) => optimizer));
  expect([...names].sort()).toEqual([...Object.keys(OPTIMIZERS), ...ELSEWHERE].sort());
});
