import { cpu } from "@descent/backend-cpu";
import { Parameter, setBackend, type Tensor, tensor, zeros } from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { clipGradAdaptive, clipGradNorm, clipGradsWithNorm, clipGradValue, getTotalNorm } from "../index.ts";

beforeEach(() => setBackend(cpu()));

function graded(...gradient: number[]): Parameter {
  const p = new Parameter(zeros([gradient.length]));
  p.grad = tensor(gradient);
  return p;
}
const gradients = (ps: readonly Parameter[]): number[][] => ps.map((p) => Array.from((p.grad as Tensor).dataSync()));

const lists = fc.array(
  fc.array(
    fc.integer({ min: -32, max: 32 }).map((i) => i / 8),
    { maxLength: 4 },
  ),
  { maxLength: 4 },
);
const order = fc.constantFrom(1, 2, 3, 0.5, Number.POSITIVE_INFINITY);

function normOf(values: readonly number[], p: number): number {
  if (p === Number.POSITIVE_INFINITY) return Math.max(0, ...values.map(Math.abs));
  return values.reduce((sum, x) => sum + Math.abs(x) ** p, 0) ** (1 / p);
}

describe("clipGradNorm", () => {
  test("returns the norm over all gradients, and scales them together to at most maxNorm", () => {
    fc.assert(
      fc.property(lists, order, fc.constantFrom(0, 0.5, 4, 1000), (grads, normType, maxNorm) => {
        const parameters = grads.map((g) => graded(...g));
        const norm = normOf(grads.flat(), normType);
        const total = clipGradNorm(parameters, maxNorm, { normType });
        expect(total.shape).toEqual([]);
        expect(Math.abs(total.item() - norm)).toBeLessThanOrEqual(1e-5 * Math.max(1, norm));
        const scale = Math.min(1, maxNorm / (norm + 1e-6));
        const clipped = gradients(parameters);
        for (const [i, g] of grads.entries())
          for (const [k, x] of g.entries()) expect(Math.abs(clipped[i]![k]! - x * scale)).toBeLessThanOrEqual(1e-5);
      }),
    );
  });

  test("leaves gradients that are short enough as they are, to the bit", () => {
    const parameters = [graded(0.1, 0.2), graded(0.3)];
    const before = gradients(parameters);
    clipGradNorm(parameters, 1);
    clipGradNorm(parameters, Number.POSITIVE_INFINITY);
    expect(gradients(parameters)).toEqual(before);
  });

  test("gives PyTorch's numbers", () => {
    const parameters = [graded(3, -4), graded(12)];
    expect(clipGradNorm(parameters, 1).item()).toBe(13);
    expect(gradients(parameters).flat()).toEqual([0.23076921701431274, -0.30769228935241699, 0.92307686805725098]);
  });

  test("takes one parameter, or any iterable; those without a gradient do not count", () => {
    const p = graded(3, 4);
    expect(clipGradNorm(p, 10).item()).toBe(5);
    function* parameters(): Generator<Parameter> {
      yield p;
      yield new Parameter(zeros([2]));
      yield graded();
    }
    expect(clipGradNorm(parameters(), 10, { normType: Number.POSITIVE_INFINITY }).item()).toBe(4);
    expect(clipGradNorm([], 10).item()).toBe(0);
    expect(clipGradNorm([new Parameter(zeros([2]))], 10).item()).toBe(0);
  });

  test("a norm that is not finite shows in the result and makes gradients NaN or 0, as PyTorch's", () => {
    const [nan, inf] = [graded(Number.NaN, 1), graded(Number.POSITIVE_INFINITY, 1)];
    expect(clipGradNorm(nan, 1).item()).toBeNaN();
    expect(clipGradNorm(inf, 1).item()).toBe(Number.POSITIVE_INFINITY);
    expect(gradients([nan, inf])).toEqual([
      [Number.NaN, Number.NaN],
      [Number.NaN, 0],
    ]);
  });

  test("float32 and float64 gradients are clipped together", () => {
    const wide = new Parameter(zeros([1], { dtype: "float64" }));
    wide.grad = tensor([4], { dtype: "float64" });
    const p = graded(3);
    expect(clipGradNorm([p, wide], 1).item()).toBe(5);
    expect([p.grad!.dtype, wide.grad!.dtype]).toEqual(["float32", "float64"]);
  });

  test("never reads from the device", () => {
    const deferred = { ...cpu(), synchronous: false };
    deferred.download = () => {
      throw new Error("read");
    };
    setBackend(deferred);
    expect(() => clipGradNorm([graded(3, 4)], 1)).not.toThrow();
    expect(() => clipGradValue([graded(3, 4)], 1)).not.toThrow();
    expect(() => clipGradAdaptive([graded(3, 4)])).not.toThrow();
    expect(() => clipGradNorm([graded(3, 4)], 1, { errorIfNonfinite: true })).toThrow("computes asynchronously");
  });
});

describe("getTotalNorm and clipGradsWithNorm", () => {
  test("together are clipGradNorm", () => {
    fc.assert(
      fc.property(lists, order, fc.constantFrom(0, 0.5, 4, 1000), (grads, normType, maxNorm) => {
        const [one, two] = [0, 1].map(() => grads.map((g) => graded(...g))) as [Parameter[], Parameter[]];
        const expected = clipGradNorm(one, maxNorm, { normType });
        const total = getTotalNorm(
          two.map((p) => p.grad!),
          { normType },
        );
        clipGradsWithNorm(two, maxNorm, total);
        expect(total.item()).toBe(expected.item());
        expect(gradients(two)).toEqual(gradients(one));
      }),
    );
  });

  test("take a norm that was taken elsewhere, over more", () => {
    const p = graded(3, -4);
    clipGradsWithNorm(p, 1, tensor(10));
    expect(gradients([p])[0]![0]).toBeCloseTo(0.3, 6);
    expect(getTotalNorm(tensor([3, 4])).item()).toBe(5);
    expect(getTotalNorm([]).item()).toBe(0);
    const elsewhere = cpu();
    const nothing = tensor([], { backend: elsewhere });
    const total = getTotalNorm([nothing]);
    expect([total.backend, total.item()]).toEqual([elsewhere, 0]);
    expect(getTotalNorm([tensor([1, 2], { requiresGrad: true })]).requiresGrad).toBe(false);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("reject %s where they are asked to, and change nothing", (bad) => {
    const p = graded(bad, 1);
    const options = { errorIfNonfinite: true };
    const remedy = "look for what made it, or leave errorIfNonfinite out";
    expect(() => clipGradNorm(p, 1, options)).toThrow(`clipGradNorm: the norm is ${bad}; ${remedy}`);
    expect(() => getTotalNorm([p.grad!], options)).toThrow(`getTotalNorm: the norm is ${bad}; ${remedy}`);
    expect(gradients([p])).toEqual([[bad, 1]]);
    expect(clipGradNorm(graded(3, 4), 1, options).item()).toBe(5);
  });
});

describe("clipGradAdaptive", () => {
  const layer = (weights: number[][], grads: number[][]): Parameter => {
    const p = new Parameter(tensor(weights));
    p.grad = tensor(grads);
    return p;
  };
  const rows = fc.array(fc.tuple(...[0, 1, 2, 3].map(() => fc.integer({ min: -16, max: 16 }).map((i) => i / 8))), {
    minLength: 1,
    maxLength: 4,
  });

  test("limits the gradient of each unit to a fraction of the norm of its weights", () => {
    fc.assert(
      fc.property(rows, fc.constantFrom(0, 0.01, 0.5, 10), fc.constantFrom(1e-3, 1), (units, clipFactor, eps) => {
        const p = layer(
          units.map(([a, b]) => [a!, b!]),
          units.map(([, , c, d]) => [c!, d!]),
        );
        clipGradAdaptive(p, { clipFactor, eps });
        for (const [i, [a, b, c, d]] of units.entries()) {
          const limit = clipFactor * Math.max(Math.hypot(a!, b!), eps);
          const scale = Math.min(1, limit / Math.max(Math.hypot(c!, d!), 1e-6));
          const clipped = p.grad!.at(i).toArray<number[]>();
          if (scale === 1) expect(clipped).toEqual([c, d]);
          else for (const [k, x] of [c!, d!].entries()) expect(clipped[k]).toBeCloseTo(x * scale, 5);
        }
      }),
    );
  });

  test("takes vectors whole, kernels by their first axis, and lets weights of 0 move by default", () => {
    const bias = graded(3, 4);
    const kernel = new Parameter(zeros([2, 2, 1, 2]).add(1));
    kernel.grad = tensor([8, 8, 8, 8, 1e-3, 1e-3, 1e-3, 1e-3]).reshape([2, 2, 1, 2]);
    clipGradAdaptive([bias, kernel]);
    expect(gradients([bias])[0]).toEqual([expect.closeTo(6e-6, 9), expect.closeTo(8e-6, 9)]);
    const [clipped, kept] = [kernel.grad!.at(0), kernel.grad!.at(1)];
    expect(clipped.flatten().toArray()).toEqual([0.01, 0.01, 0.01, 0.01].map((x) => expect.closeTo(x, 7)));
    expect(kept.flatten().toArray()).toEqual(tensor([1e-3, 1e-3, 1e-3, 1e-3]).toArray());
  });
});

describe("clipGradValue", () => {
  test("limits every element", () => {
    fc.assert(
      fc.property(lists, fc.constantFrom(0, 0.5, 2), (grads, limit) => {
        const parameters = grads.map((g) => graded(...g));
        clipGradValue(parameters, limit);
        for (const [i, g] of gradients(parameters).entries())
          for (const [k, x] of g.entries()) expect(x).toBeCloseTo(Math.max(-limit, Math.min(limit, grads[i]![k]!)), 6);
      }),
    );
  });

  test("takes one parameter and leaves NaN alone", () => {
    const p = graded(5, Number.NaN, -0.25);
    clipGradValue(p, 1);
    expect(gradients([p])).toEqual([[1, Number.NaN, -0.25]]);
  });
});

test.each<[string, (p: Parameter) => unknown]>([
  ["clipGradNorm: maxNorm is -1, expected a number ≥ 0", (p) => clipGradNorm([p], -1)],
  ["clipGradNorm: maxNorm is NaN, expected a number ≥ 0", (p) => clipGradNorm([p], Number.NaN)],
  ["clipGradNorm: normType is 0, expected a number > 0", (p) => clipGradNorm([p], 1, { normType: 0 })],
  ["clipGradNorm: p is unknown (known: normType, errorIfNonfinite)", (p) => clipGradNorm([p], 1, { p: 1 } as never)],
  ["getTotalNorm: normType is -2, expected a number > 0", (p) => getTotalNorm([p], { normType: -2 })],
  [
    "clipGradsWithNorm: totalNorm is 3, expected a tensor of shape [], which getTotalNorm() gives",
    (p) => clipGradsWithNorm([p], 1, 3 as never),
  ],
  ["clipGradsWithNorm: maxNorm is -1, expected a number ≥ 0", (p) => clipGradsWithNorm([p], -1, tensor(1))],
  ["clipGradAdaptive: clipFactor is -1, expected a number ≥ 0", (p) => clipGradAdaptive([p], { clipFactor: -1 })],
  ["clipGradAdaptive: eps is 0, expected a number > 0", (p) => clipGradAdaptive([p], { eps: 0 })],
  ["clipGradValue: clipValue is -1, expected a number ≥ 0", (p) => clipGradValue([p], -1)],
  ["clipGradNorm: item 1 of the parameters is 3; pass module.parameters()", (p) => clipGradNorm([p, 3 as never], 1)],
  [
    "clipGradValue: expected an iterable of parameters, got an object; pass module.parameters(), or put a single parameter into an array",
    (p) => clipGradValue({ p } as never, 1),
  ],
])("%s", (message, clip) => {
  const p = graded(3, 4);
  expect(() => clip(p)).toThrow(expect.objectContaining({ message }));
  expect(gradients([p])).toEqual([[3, 4]]);
});
