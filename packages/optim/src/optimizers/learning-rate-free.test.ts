import { cpu } from "@descent/backend-cpu";
import { type Backend, BackendError, Parameter, setBackend, type Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { DAdaptAdaGrad, DAdaptAdam, DAdaptLion, DAdaptSGD, Prodigy } from "../index.ts";

// What is particular to methods that estimate the distance to the solution; whole-tensor.test.ts has what they share with others.

beforeEach(() => setBackend(cpu()));

const CLASSES = { Prodigy, DAdaptAdam, DAdaptSGD, DAdaptAdaGrad, DAdaptLion };
type Name = keyof typeof CLASSES;
/** All of them look alike from here. */
const make = (name: Name, params: unknown, options = {}): Prodigy =>
  new CLASSES[name](params as never, options as never) as never;
const names = Object.keys(CLASSES) as Name[];
const numbers = (x: Tensor): number[] => Array.from(x.dataSync());
const graded = (values: number[], gradient = values.map(() => 1)): Parameter => {
  const p = new Parameter(tensor(values));
  p.grad = tensor(gradient);
  return p;
};

describe("the estimate of the distance", () => {
  test.each(names)("%s: is d0 at first, never shrinks, and comes with the state", (name) => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -4, max: 4, noNaN: true }), { minLength: 2, maxLength: 4 }), (start) => {
        const p = new Parameter(tensor(start));
        const optimizer = make(name, [p], { d0: 1e-3 });
        expect(optimizer.d).toBe(1e-3);
        for (let t = 0, last = 1e-3; t < 30; t++, last = optimizer.d) {
          p.grad = p.detach().sub(1);
          optimizer.step();
          expect(optimizer.d).toBeGreaterThanOrEqual(last);
        }
        const other = make(name, [new Parameter(p.detach())]);
        other.loadStateDict(optimizer.stateDict());
        expect(other.d).toBe(optimizer.d);
      }),
      { numRuns: 10 },
    );
  });

  // For convex functions ⟨g, x − x*⟩ ≥ 0, so that the sum under the estimate is at most ‖s‖ times the distance: the bound of the paper.
  test.each([
    ["DAdaptSGD", (xs: number[]) => Math.hypot(...xs)],
    ["DAdaptAdaGrad", (xs: number[]) => Math.max(...xs.map(Math.abs))],
  ] as const)("%s: is never more than twice the distance, and not far from it in the end", (name, norm) => {
    const away = fc.array(fc.integer({ min: -32, max: 32 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        away.filter((xs) => xs.some((x) => x !== 0)),
        fc.boolean(),
        (start, isSmooth) => {
          const p = new Parameter(tensor(start, { dtype: "float64" }));
          const optimizer = make(name, [p]);
          for (let t = 0; t < 200; t++) {
            p.grad = isSmooth ? p.detach() : p.detach().sign();
            optimizer.step();
            expect(optimizer.d).toBeLessThanOrEqual(norm(start) * (2 + 1e-9));
          }
          expect(optimizer.d).toBeGreaterThan(norm(start) / 10);
        },
      ),
      { numRuns: 10 },
    );
  });

  test.each(["Prodigy", "DAdaptAdam", "DAdaptSGD", "DAdaptAdaGrad"] as const)(
    "%s: grows by growthRate at most",
    (name) => {
      const p = new Parameter(tensor([5, -3]));
      const optimizer = make(name, [p], { growthRate: 1.5 });
      for (let t = 0, last = optimizer.d; t < 30; t++, last = optimizer.d) {
        p.grad = p.detach();
        optimizer.step();
        expect(optimizer.d).toBeLessThanOrEqual(last === 1e-6 && name === "Prodigy" ? 1 : last * 1.5);
      }
      expect(optimizer.d).toBeGreaterThan(1e-6);
    },
  );
});

describe("groups", () => {
  test.each(names)(
    "%s: a group with a learning rate of 0 is held still, and changes nothing for the others",
    (name) => {
      const [p, q, alone] = [graded([1, 2]), graded([3]), graded([1, 2])];
      const optimizer = make(name, [{ params: [q], lr: 0, weightDecay: 0.5 }, { params: [p] }]);
      const other = make(name, [alone]);
      for (let t = 0; t < 5; t++) {
        optimizer.step();
        other.step();
      }
      expect(numbers(q)).toEqual([3]);
      expect(numbers(p)).toEqual(numbers(alone));
      expect(optimizer.d).toBe(other.d);
      expect(Object.keys(optimizer.stateDict().state)).toEqual(["1"]);
    },
  );

  test.each(names)("%s: other learning rates than one are rejected, before anything changes", (name) => {
    const [p, q] = [graded([1]), graded([3])];
    const optimizer = make(name, [{ params: [p] }, { params: [q], lr: 0.5 }]);
    expect(() => optimizer.step()).toThrow(
      `${name}.step: parameter groups have learning rates 1 and 0.5; give all the same one, or 0 to hold a group still`,
    );
    expect([p, q].map(numbers)).toEqual([[1], [3]]);
    expect(optimizer.stateDict().state).toEqual({});
  });
});

describe("devices that cannot be waited for", () => {
  /** The reference, which gives its values later. */
  const later = (): Backend => ({ ...cpu(), synchronous: false });

  test.each(names)("%s: stepAsync does what step does elsewhere", async (name) => {
    const p = graded([1, -2]);
    const optimizer = make(name, [p]);
    for (let t = 0; t < 3; t++) optimizer.step();

    setBackend(later());
    const q = graded([1, -2]);
    const awaited = make(name, [q]);
    expect(() => awaited.step()).toThrow(BackendError);
    for (let t = 0; t < 3; t++) await awaited.stepAsync();
    expect(Array.from(await q.data())).toEqual(numbers(p));
    expect(awaited.d).toBe(optimizer.d);
  });
});

describe("Prodigy", () => {
  test("sliceP keeps sums of some elements only, and steps with all", () => {
    const p = graded([1, 2, 3, 4, 5]);
    const optimizer = new Prodigy([p], { sliceP: 2, d0: 0.5 });
    optimizer.step();
    const { s, p0, expAvg } = optimizer.stateDict().state[0]!;
    expect([s!.shape, numbers(p0!), expAvg!.shape]).toEqual([[3], [1, 3, 5], [5]]);
    expect(numbers(p).every((x, i) => x < i + 1)).toBe(true);
  });

  test("asks for all sums of a step at once", async () => {
    const backend = cpu();
    const log: string[] = [];
    const read = async (x: Parameters<typeof backend.read>[0]): ReturnType<typeof backend.read> => {
      log.push("asked");
      const data = await backend.read(x);
      log.push("got");
      return data;
    };
    setBackend({ ...backend, synchronous: false, read });
    const optimizer = new Prodigy([graded([1]), graded([2, 3])]);
    await optimizer.stepAsync();
    expect(log).toEqual([...Array(4).fill("asked"), ...Array(4).fill("got")]);
  });
});
