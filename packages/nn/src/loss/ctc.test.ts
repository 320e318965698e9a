import { cpu } from "@descent/backend-cpu";
import { grad, randn, setBackend, type Tensor, tensor } from "@descent/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CTCLoss, functional } from "../index.ts";

setBackend(cpu());
const { ctcLoss } = functional;
const f64 = { dtype: "float64" } as const;
const ints = (values: readonly (number | readonly number[])[]): Tensor => tensor(values, { dtype: "int32" });

/** What a path spells: runs of one class count once, and blanks not at all. */
const spelled = (path: readonly number[], blank: number): string =>
  path.filter((k, t) => k !== blank && k !== path[t - 1]).join();

/** All sequences of `length` classes. */
const paths = (length: number, classes: number): number[][] =>
  length === 0
    ? [[]]
    : paths(length - 1, classes).flatMap((path) => Array.from({ length: classes }, (_, k) => [...path, k]));

describe("ctcLoss", () => {
  test("sums over all paths that spell the target", () => {
    const sizes = fc.record({ T: fc.integer({ min: 0, max: 4 }), C: fc.integer({ min: 2, max: 3 }), blank: fc.nat(1) });
    fc.assert(
      fc.property(
        sizes.chain(({ T, C, blank }) =>
          fc.record({
            T: fc.constant(T),
            C: fc.constant(C),
            blank: fc.constant(blank),
            target: fc.array(
              fc.integer({ min: 0, max: C - 1 }).filter((k) => k !== blank),
              { maxLength: 3 },
            ),
            scores: fc.array(fc.integer({ min: -8, max: 8 }), { minLength: 5 * C, maxLength: 5 * C }),
          }),
        ),
        ({ T, C, blank, target, scores }) => {
          const logProbs = tensor(Float64Array.from(scores, (v) => v / 4))
            .reshape([5, C])
            .logSoftmax(1);
          const p = logProbs.exp().toArray() as number[][];
          const total = paths(T, C)
            .filter((path) => spelled(path, blank) === target.join())
            .reduce((sum, path) => sum + path.reduce((product, k, t) => product * p[t]![k]!, 1), 0);
          const padded = ints([...target, ...Array(3 - target.length).fill(7)]);
          const loss = ctcLoss(logProbs, padded, T, target.length, { blank, reduction: "none" });
          expect(loss.shape).toEqual([]);
          if (total === 0) expect(loss.item()).toBe(Number.POSITIVE_INFINITY);
          else expect(loss.item()).toBeCloseTo(-Math.log(total), 9);
        },
      ),
    );
  });

  const scores = tensor(Float64Array.from({ length: 72 }, (_, i) => (((7 * i) % 11) - 5) / 4)).reshape([6, 3, 4]);
  const padded = ints([
    [1, 2, 2],
    [3, 1, 9],
    [2, 9, -9],
  ]);
  const [inputs, sizes] = [ints([6, 4, 5]), [3, 2, 0]];

  test("is what PyTorch gives", () => {
    const logProbs = scores.logSoftmax(2);
    const losses = ctcLoss(logProbs, padded, inputs, sizes, { reduction: "none" });
    const expected = [5.060296535491943, 3.7617173194885254, 9.039419174194336];
    expected.forEach((v, i) => {
      expect(losses.dataSync()[i]).toBeCloseTo(v, 5);
    });
    expect(new CTCLoss().call(logProbs, padded, inputs, sizes).item()).toBeCloseTo(4.202347755432129, 5);
    expect(new CTCLoss({ reduction: "sum" }).call(logProbs, padded, inputs, sizes).item()).toBeCloseTo(17.861433, 5);
    // Without a batch, and with another blank.
    const one = logProbs.slice(null, 0);
    expect(ctcLoss(one, ints([1, 2, 2]), 6, 3, { blank: 3 }).item()).toBeCloseTo(5.3198 / 3, 4);
  });

  test("takes targets one after the other", () => {
    const logProbs = scores.logSoftmax(2);
    const joined = ctcLoss(logProbs, ints([1, 2, 2, 3, 1]), inputs, ints([3, 2, 0]));
    expect(joined.item()).toBe(ctcLoss(logProbs, padded, inputs, sizes).item());
  });

  test("its gradient counts that of logSoftmax in, as PyTorch's, and is zero behind the end of an input", () => {
    const x = scores.detach();
    x.requiresGrad = true;
    const g = grad(ctcLoss(x, padded, inputs, sizes, { reduction: "sum" }), x);
    const expected = [0.268343, 0.666883, 0.606531, 3.490343, 1.156354, 0.472367];
    expected.forEach((v, i) => {
      expect(g.dataSync()[i]).toBeCloseTo(v, 5);
    });
    expect(g.slice("5:", "1:").abs().sum().item()).toBe(0);
  });

  test("of a target that does not fit is ∞, or 0, with a gradient of zero", () => {
    const x = randn([2, 2, 3], { requiresGrad: true });
    const call = (zeroInfinity: boolean): Tensor =>
      ctcLoss(
        x.logSoftmax(2),
        ints([
          [1, 1],
          [1, 2],
        ]),
        [2, 2],
        [2, 2],
        { reduction: "none", zeroInfinity },
      );
    expect([...call(false).dataSync()]).toEqual([Number.POSITIVE_INFINITY, call(true).dataSync()[1]]);
    expect(call(true).dataSync()[0]).toBe(0);
    expect(grad(call(true).sum(), x).slice(null, 0).abs().sum().item()).toBe(0);
    expect(grad(call(false).sum(), x).isfinite().all().item()).toBe(1);
  });

  test("holds out against classes that are impossible", () => {
    const x = tensor(
      [
        [0, Number.NEGATIVE_INFINITY],
        [0, Number.NEGATIVE_INFINITY],
      ],
      { requiresGrad: true },
    );
    const loss = ctcLoss(x, ints([0]), 2, 0);
    expect(loss.item()).toBe(0);
    expect(grad(loss, x).isfinite().all().item()).toBe(1);
    expect(ctcLoss(x, ints([1]), 2, 1).item()).toBe(Number.POSITIVE_INFINITY);
  });

  test("rejects what does not fit", () => {
    const x = randn([5, 2, 3], f64);
    const t = ints([
      [1, 2],
      [2, 1],
    ]);
    const calls: [run: () => unknown, message: string][] = [
      [
        () => ctcLoss(x.flatten(), t, [5, 5], [2, 2]),
        "ctcLoss: log-probabilities of shape [30]; expected [T,N,C] or [T,C]",
      ],
      [
        () => ctcLoss(x, randn([2, 2]), [5, 5], [2, 2]),
        'ctcLoss: the classes have dtype float32; convert them with .to("int32")',
      ],
      [() => ctcLoss(x, t, [5, 5], [2, 2], { blank: 3 }), "ctcLoss: blank 3 is no class; use 0 to 2"],
      [() => ctcLoss(x, t, [6, 5], [2, 2]), "ctcLoss: inputLengths must be integers from 0 to 5, got 6"],
      [() => ctcLoss(x, t, [5, -1], [2, 2]), "ctcLoss: inputLengths must be integers from 0 to 5, got -1"],
      [() => ctcLoss(x, t, [5], [2, 2]), "ctcLoss: 1 inputLengths for a batch of 2; give one each"],
      [() => ctcLoss(x, t, [5, 5], [2, 0.5]), "ctcLoss: targetLengths must be integers from 0 to Infinity, got 0.5"],
      [() => ctcLoss(x, t, [5, 5], [3, 2]), "ctcLoss: targets [2,2] of lengths [3,2]; expected [2,3] or [5]"],
      [
        () => ctcLoss(x, ints([1, 2, 1]), [5, 5], [2, 2]),
        "ctcLoss: targets [3] of lengths [2,2]; expected [2,2] or [4]",
      ],
      [
        () =>
          ctcLoss(
            x,
            ints([
              [1, 3],
              [2, 1],
            ]),
            [5, 5],
            [2, 2],
          ),
        "index 3 is out of range",
      ],
    ];
    for (const [run, message] of calls) expect(run).toThrow(message);
  });
});
