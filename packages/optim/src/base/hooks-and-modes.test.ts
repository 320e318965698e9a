import { cpu } from "@descent/backend-cpu";
import { Parameter, setBackend, type Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import { beforeEach, describe, expect, test } from "vitest";
import { nonNegative, Optimizer, type Rule, SGD } from "../index.ts";

beforeEach(() => setBackend(cpu()));

const numbers = (x: Tensor): number[] => Array.from(x.dataSync());
function graded(...values: number[]): Parameter {
  const p = new Parameter(tensor(values));
  p.grad = tensor(values.map(() => 1));
  return p;
}

describe("hooks", () => {
  test("run before and after every step, with the optimizer, in the order in which they came", () => {
    const p = graded(1);
    const optimizer = new SGD([p], { lr: 0.5 });
    const seen: unknown[] = [];
    const note = (what: string) => (own: SGD) => {
      seen.push([what, own === optimizer, numbers(p)[0]]);
    };
    optimizer.registerStepPreHook(note("before"));
    const remove = optimizer.registerStepPostHook(note("after"));
    optimizer.registerStepPostHook(note("and again"));
    optimizer.step();
    remove();
    optimizer.step();
    expect(seen).toEqual([
      ["before", true, 1],
      ["after", true, 0.5],
      ["and again", true, 0.5],
      ["before", true, 0.5],
      ["and again", true, 0],
    ]);
  });

  test("a function may be registered twice, and is removed as often", () => {
    const optimizer = new SGD([graded(1)]);
    let calls = 0;
    const count = (): void => {
      calls++;
    };
    const [first] = [optimizer.registerStepPreHook(count), optimizer.registerStepPreHook(count)];
    optimizer.step();
    first();
    first();
    optimizer.step();
    expect(calls).toBe(3);
  });

  test("what a hook before the step changes counts in that step", () => {
    const p = graded(1);
    const optimizer = new SGD([p], { lr: 0.5 });
    optimizer.registerStepPreHook(({ paramGroups }) => {
      paramGroups[0]!.lr = 0.25;
    });
    optimizer.step();
    expect(numbers(p)).toEqual([0.75]);
  });

  test("a hook that throws before the step leaves everything as it was", () => {
    const p = graded(1);
    const optimizer = new SGD([p], { momentum: 0.9 });
    optimizer.registerStepPreHook(() => {
      throw new RangeError("not now");
    });
    expect(() => optimizer.step()).toThrow("not now");
    expect(numbers(p)).toEqual([1]);
    expect(optimizer.stateDict().state).toEqual({});
  });

  test("stepAsync runs them too", async () => {
    const p = graded(1);
    const optimizer = new SGD([p], { lr: 0.5 });
    const seen: number[] = [];
    optimizer.registerStepPostHook(() => {
      seen.push(numbers(p)[0]!);
    });
    await optimizer.stepAsync();
    const loss = await optimizer.stepAsync(() => tensor(3));
    expect([seen, loss.item()]).toEqual([[0.5, 0], 3]);
  });
});

describe("weights to use that are not those to train with", () => {
  /** Trains with `w`, and uses `w + offset · steps`. */
  const shifted: Rule<{ lr: number }, { steps: number }> = {
    name: "Shifted",
    defaults: { lr: 1 },
    checks: { lr: nonNegative },
    init: () => ({ steps: 0 }),
    update: (p, g, { steps }, { lr }) => ({ p: p.sub(g.mul(lr)), state: { steps: steps + 1 } }),
    modes: {
      evaluation: (p, { steps }) => p.add(100 * steps),
      training: (p, { steps }) => p.sub(100 * steps),
    },
  };

  test("eval() puts them into the parameters that have made steps, train() takes them out; both once", () => {
    const [p, late] = [graded(1), new Parameter(tensor([1]))];
    const optimizer = new Optimizer(shifted, [p, late]);
    optimizer.step();
    optimizer.step();
    optimizer.eval();
    optimizer.eval();
    expect([p, late].map(numbers)).toEqual([[199], [1]]);
    optimizer.train();
    optimizer.train();
    expect([p, late].map(numbers)).toEqual([[-1], [1]]);
  });

  test("no step is possible with them", () => {
    const p = graded(1);
    const optimizer = new Optimizer(shifted, [p]);
    optimizer.step();
    optimizer.eval();
    expect(() => optimizer.step()).toThrow(
      "Shifted.step: the parameters hold the weights to use; call optimizer.train() first",
    );
    expect(numbers(p)).toEqual([100]);
  });

  test("the mode is saved with the state", () => {
    const p = graded(1);
    const optimizer = new Optimizer(shifted, [p]);
    optimizer.step();
    optimizer.eval();
    const other = new Parameter(p.detach());
    const resumed = new Optimizer(shifted, [other]);
    resumed.loadStateDict(optimizer.stateDict());
    resumed.train();
    expect(numbers(other)).toEqual([0]);
    expect(() => resumed.loadStateDict({ ...optimizer.stateDict(), training: 1 as never })).toThrow(
      "training is 1, expected true or false",
    );
  });

  test("elsewhere, train() and eval() change nothing, and say nothing of it in the state", () => {
    const p = graded(1);
    const optimizer = new SGD([p], { lr: 0.5 });
    optimizer.eval();
    optimizer.step();
    expect(numbers(p)).toEqual([0.5]);
    expect(Object.keys(optimizer.stateDict())).toEqual(["state", "paramGroups"]);
    expect(() => optimizer.loadStateDict({ ...optimizer.stateDict(), training: true })).toThrow(
      "training is true, expected nothing",
    );
  });
});
