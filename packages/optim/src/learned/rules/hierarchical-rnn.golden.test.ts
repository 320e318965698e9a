import { readFileSync } from "node:fs";
import { cpu } from "@descent/backend-cpu";
import { grad, Parameter, setBackend, type Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import { expectClose } from "@descent/testing";
import { beforeEach, describe, expect, test } from "vitest";
import { type HierarchicalRNNArchitecture, hierarchicalRnnRule, LearnedOptimizer } from "../index.ts";

type Numbers = number | number[] | number[][];
interface Golden {
  readonly architecture: Required<HierarchicalRNNArchitecture>;
  readonly lr: number;
  readonly startRate: number;
  readonly weights: Readonly<Record<string, Numbers>>;
  readonly starts: readonly Numbers[];
  /** `null` where a parameter has no gradient in a step. */
  readonly grads: readonly (readonly (Numbers | null)[])[];
  readonly trajectory: readonly (readonly number[][])[];
  /** Of the sum of the last values' squares. */
  readonly metaGradient: Readonly<Record<string, Numbers>>;
}
const url = new URL("../../../../testing/golden/hierarchical-rnn-optimizer.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(url, "utf8")) as { readonly cases: readonly Golden[] };

const f64 = (numbers: Numbers): Tensor => tensor(numbers as number[], { dtype: "float64" });
const tensors = (numbers: Readonly<Record<string, Numbers>>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(numbers).map(([name, x]) => [name, f64(x)]));

beforeEach(() => setBackend(cpu()));

describe.each(cases.map((golden) => [golden.architecture, golden.startRate, golden] as const))(
  "the hierarchical RNN of %j from rates of %d",
  (architecture, startRate, { lr, weights, starts, grads, trajectory, metaGradient }) => {
    const rule = hierarchicalRnnRule(architecture);

    test("makes the steps of the authors' equations in PyTorch", () => {
      const ps = starts.map((x) => new Parameter(f64(x)));
      const optimizer = new LearnedOptimizer(rule, tensors(weights), ps, { lr, startRate });
      for (const [t, step] of grads.entries()) {
        for (const [i, g] of step.entries()) ps[i]!.grad = g === null ? null : f64(g);
        optimizer.step();
        for (const [i, p] of ps.entries())
          expectClose(p.flatten(), f64(trajectory[t]![i]!), 1e-11, `step ${t + 1} of parameter ${i}`);
      }
      expect(grads).toHaveLength(4);
    });

    test("has the meta-gradient of PyTorch, also where rates are at their limit", () => {
      const w = tensors(weights);
      for (const x of Object.values(w)) x.requiresGrad = true;
      const hyper = { lr, startRate };
      let shared = rule.begin(hyper);
      const members = starts.map((x) => ({ p: f64(x), state: rule.init(f64(x), hyper), t: 0 }));
      for (const step of grads) {
        const moving = members.flatMap((member, i) =>
          step[i] === null ? [] : [Object.assign(member, { t: member.t + 1, g: f64(step[i]!), hyper })],
        );
        const { values, states, shared: next } = rule.update(w, moving, shared, null);
        for (const [i, member] of moving.entries()) Object.assign(member, { p: values[i]!, state: states![i]! });
        shared = next;
      }
      const sum = members.map(({ p }) => p.square().sum()).reduce((a, b) => a.add(b));
      const found = grad(sum, Object.values(w), { allowUnused: true });
      for (const [i, [name, x]] of Object.entries(w).entries())
        expectClose(found[i] ?? x.mul(0), f64(metaGradient[name]!), { rtol: 1e-9, atol: 1e-11 }, name);
    });
  },
);
