import { cpu } from "@descent/backend-cpu";
import {
  ArgumentError,
  type Backend,
  gradcheck,
  gradgradcheck,
  ones,
  randn,
  setBackend,
  type Tensor,
  type TypedArray,
  tensor,
  withBackend,
  zeros,
} from "@descent/core";
import { fusedBackend } from "@descent/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CrossEntropyLoss, functional, type Reduction } from "../index.ts";

setBackend(cpu());
const { crossEntropy, nllLoss } = functional;
const f64 = { dtype: "float64" } as const;
const like = { ...f64, requiresGrad: true };
const ints = (values: readonly number[]): Tensor => tensor(Int32Array.from(values));
const reduction = fc.constantFrom<Reduction>("mean", "sum", "none");

/** Scores `[N, C, D]` and classes `[N, D]`, some of them ignored; `D` appears as an axis only where `axis` says so. */
const scored = fc
  .record({
    n: fc.integer({ min: 1, max: 3 }),
    c: fc.integer({ min: 1, max: 4 }),
    d: fc.integer({ min: 1, max: 3 }),
    ignoreIndex: fc.constantFrom(-100, 0),
  })
  .chain(({ n, c, d, ignoreIndex }) =>
    fc.record({
      n: fc.constant(n),
      c: fc.constant(c),
      d: fc.constant(d),
      ignoreIndex: fc.constant(ignoreIndex),
      scores: fc.array(fc.integer({ min: -8, max: 8 }), { minLength: n * c * d, maxLength: n * c * d }),
      classes: fc.array(fc.constantFrom(...Array(c).keys(), ignoreIndex), { minLength: n * d, maxLength: n * d }),
      weight: fc.option(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: c, maxLength: c })),
      labelSmoothing: fc.constantFrom(0, 0.25),
      reduction,
    }),
  );

describe("crossEntropy", () => {
  test("is what the definition says", () => {
    fc.assert(
      fc.property(scored, ({ n, c, d, scores, classes, weight, ignoreIndex, labelSmoothing, reduction }) => {
        const x = scores.map((v) => v / 4);
        const w = weight ?? Array<number>(c).fill(1);
        const losses = classes.map((k, i) => {
          if (k === ignoreIndex) return 0;
          const row = Array.from({ length: c }, (_, j) => x[(Math.floor(i / d) * c + j) * d + (i % d)]!);
          const logs = row.map((v) => v - Math.log(row.reduce((sum, u) => sum + Math.exp(u), 0)));
          const even = logs.reduce((sum, v, j) => sum - (v * w[j]!) / c, 0);
          return (1 - labelSmoothing) * -logs[k]! * w[k]! + labelSmoothing * even;
        });
        const total = losses.reduce((a, b) => a + b, 0);
        const count = classes.reduce((sum, k) => sum + (k === ignoreIndex ? 0 : w[k]!), 0);
        const expected = { none: losses, sum: [total], mean: [total / count] }[reduction];
        const options = { ignoreIndex, labelSmoothing, reduction, weight: weight === null ? null : tensor(w, f64) };
        const y = crossEntropy(tensor(x, f64).reshape([n, c, d]), ints(classes).reshape([n, d]), options);
        expect(y.shape).toEqual(reduction === "none" ? [n, d] : []);
        expected.forEach((v, i) => {
          if (Number.isNaN(v)) expect(y.item()).toBeNaN();
          else expect(y.dataSync()[i]).toBeCloseTo(v, 10);
        });
      }),
    );
  });

  test("of classes and of the probabilities that stand for them is the same", () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 0.1, 1), reduction, (labelSmoothing, reduction) => {
        const [x, classes] = [randn([3, 4, 2], f64), ints([0, 3, 1, 1, 2, 0]).reshape([3, 2])];
        const probabilities = classes.oneHot(4, f64).permute(0, 2, 1);
        // The mean over probabilities counts all samples alike.
        const weight = reduction === "mean" ? null : tensor([1, 2, 3, 4], f64);
        const [a, b] = [classes, probabilities].map((t) => crossEntropy(x, t, { labelSmoothing, reduction, weight }));
        expect(a!.shape).toEqual(b!.shape);
        expect(a!.sub(b!).abs().sum().item()).toBeLessThan(1e-12);
      }),
    );
  });

  test("of probabilities with weights averages over the samples", () => {
    const [x, target, weight] = [randn([3, 4], f64), randn([3, 4], f64).softmax(1), tensor([1, 2, 3, 4], f64)];
    const total = crossEntropy(x, target, { weight, reduction: "sum" }).item();
    expect(crossEntropy(x, target, { weight }).item()).toBeCloseTo(total / 3, 12);
  });

  test("of one sample needs no batch", () => {
    const x = randn([4]);
    const batch = crossEntropy(x.unsqueeze(0), ints([2])).item();
    expect(crossEntropy(x, ints([2]).squeeze()).item()).toBe(batch);
    expect(crossEntropy(x, ints([2]).oneHot(4).squeeze(0)).item()).toBeCloseTo(batch, 6);
  });

  test("its gradients", () => {
    const [x, soft] = [randn([2, 3, 2], like), randn([2, 3, 2], f64).softmax(1)];
    const classes = ints([0, 2, -100, 1]).reshape([2, 2]);
    const weight = tensor([1, 2, 3], f64);
    for (const options of [{}, { weight }, { weight, labelSmoothing: 0.2 }, { reduction: "none" }] as const)
      for (const target of [classes, soft]) {
        gradcheck((v) => crossEntropy(v!, target, options), [x]);
        gradgradcheck((v) => crossEntropy(v!, target, options), [x]);
      }
    gradcheck((t) => crossEntropy(x.detach(), t!), [randn([2, 3, 2], like)]);
  });

  test("is the negative log-likelihood of log-softmax", () => {
    const [x, target] = [randn([3, 4, 2]), ints([0, 3, -100, 1, 2, 0]).reshape([3, 2])];
    for (const options of [
      {},
      { weight: tensor([1, 2, 3, 4]) },
      { reduction: "none" },
      { reduction: "sum" },
    ] as const) {
      const difference = crossEntropy(x, target, options).sub(nllLoss(x.logSoftmax(1), target, options));
      expect(difference.abs().sum().item()).toBeLessThan(1e-5);
    }
  });

  test("of nothing but ignored targets is NaN, with a gradient of zero", () => {
    const x = randn([2, 3], { requiresGrad: true });
    const loss = new CrossEntropyLoss({ ignoreIndex: 1 }).call(x, ints([1, 1]));
    expect(loss.item()).toBeNaN();
    loss.backward();
    expect(x.grad!.dataSync().every((g) => g === 0)).toBe(true);
  });

  test("looks at the classes once", () => {
    const backend = fusedBackend();
    const { download } = backend;
    let looks = 0;
    const counted: Backend<TypedArray> = {
      ...backend,
      download: (x) => {
        looks++;
        return download(x);
      },
    };
    withBackend(counted, () => {
      const x = randn([2, 3], { requiresGrad: true });
      crossEntropy(x, ints([2, 1])).backward();
      expect(looks).toBe(1);
      crossEntropy(x, ints([2, -100])).backward();
      expect(looks).toBe(2);
    });
  });

  test("what is ignored may be infinite", () => {
    const x = tensor([
      [Number.POSITIVE_INFINITY, 0],
      [0, 0],
    ]);
    expect(crossEntropy(x, ints([-100, 1])).item()).toBeCloseTo(Math.log(2), 6);
  });

  test("the weight is a buffer of the layer", () => {
    const loss = new CrossEntropyLoss({ weight: tensor([1, 2]) });
    expect(Object.keys(loss.stateDict())).toEqual(["weight"]);
    expect(loss.to("float64").weight!.dtype).toBe("float64");
    expect(loss.parameters()).toEqual([]);
    expect(Object.keys(new CrossEntropyLoss().stateDict())).toEqual([]);
  });

  test("rejects what does not fit", () => {
    const x = randn([2, 3]);
    expect(() => crossEntropy(x, ints([0]))).toThrow(
      "crossEntropy: scores [2,3] and targets [1] do not fit; expected [N,C] and [N], [N,C,d1,…] and [N,d1,…], or [C] and []",
    );
    expect(() => crossEntropy(x, ones([2]))).toThrow(
      'crossEntropy: the classes have dtype float32; convert them with .to("int32")',
    );
    expect(() => crossEntropy(x, zeros([2, 3], { dtype: "int32" }))).toThrow(
      'crossEntropy: the probabilities have dtype int32; convert them with .to("float32")',
    );
    expect(() => crossEntropy(x, ints([0, 1]), { weight: ones([2]) })).toThrow(
      "crossEntropy: the weight [2] must have one element per class of [2,3]",
    );
    expect(() => crossEntropy(x, ints([0, 3]))).toThrow("index 3 is out of range");
    expect(() => crossEntropy(x, ints([0, 1]), { labelSmoothing: 2 })).toThrow(
      "crossEntropy: labelSmoothing must lie in [0, 1], got 2",
    );
    expect(() => crossEntropy(x, ints([0, 1]), { reduction: "average" as "mean" })).toThrow(
      'crossEntropy: unknown reduction "average"; use one of "mean", "sum", "none"',
    );
    expect(() => new CrossEntropyLoss({ reduction: "avg" as "mean" })).toThrow(
      'CrossEntropyLoss: unknown reduction "avg"',
    );
    expect(() => new CrossEntropyLoss({ labelSmoothing: -1 })).toThrow(
      new ArgumentError("CrossEntropyLoss", "labelSmoothing must lie in [0, 1], got -1"),
    );
    expect(() => nllLoss(x, ints([0]))).toThrow("nllLoss: scores [2,3] and targets [1] do not fit");
    expect(() => nllLoss(x, ints([0, 1]), { reduction: "x" as "mean" })).toThrow('nllLoss: unknown reduction "x"');
  });
});
