import { cpu } from "@descent/backend-cpu";
import { DTypeError, grad, ones, randn, ShapeError, setBackend, type Tensor, tensor, zeros } from "@descent/core";
import { describe, expect, test } from "vitest";
import * as nn from "../index.ts";

// Values and gradients are PyTorch's: the golden files and gradcheck see to that. Here: what they leave out.

setBackend(cpu());
const F = nn.functional;
const ints = (values: readonly (number | readonly number[])[]): Tensor => tensor(values, { dtype: "int32" });

describe("far out in float32", () => {
  const far = [-1e30, -1e4, -100, 100, 1e4, 1e30];
  const losses: Record<string, (x: Tensor) => Tensor> = {
    "binaryCrossEntropyWithLogits of 0": (x) => F.binaryCrossEntropyWithLogits(x, zeros([6])),
    "binaryCrossEntropyWithLogits of 1": (x) => F.binaryCrossEntropyWithLogits(x, ones([6])),
    "binaryCrossEntropyWithLogits, weighted": (x) =>
      F.binaryCrossEntropyWithLogits(x, ones([6]).mul(0.5), { posWeight: ones([6]).mul(3) }),
    softMarginLoss: (x) => F.softMarginLoss(x, ones([6])),
    multilabelSoftMarginLoss: (x) => F.multilabelSoftMarginLoss(x, ones([6])),
    smoothL1Loss: (x) => F.smoothL1Loss(x, zeros([6])),
    huberLoss: (x) => F.huberLoss(x, zeros([6])),
    crossEntropy: (x) => F.crossEntropy(x, tensor(0, { dtype: "int32" })),
  };
  test.each(Object.entries(losses))("%s and its gradient are finite", (_, loss) => {
    const x = tensor(far, { requiresGrad: true });
    const y = loss(x);
    expect(y.isfinite().item()).toBe(1);
    expect(grad(y, x).isfinite().all().item()).toBe(1);
  });

  test("infinite logits on the wrong side cost ∞", () => {
    const { POSITIVE_INFINITY: inf } = Number;
    const loss = F.binaryCrossEntropyWithLogits(tensor([inf, -inf]), tensor([0, 1]), { reduction: "none" });
    expect(loss.toArray()).toEqual([inf, inf]);
  });

  test("a small cost keeps its digits", () => {
    expect(F.binaryCrossEntropyWithLogits(tensor([-20]), zeros([1])).item() / Math.exp(-20)).toBeCloseTo(1, 5);
  });

  test("an infinite difference has the gradient of the straight part", () => {
    const x = tensor([Number.POSITIVE_INFINITY], { requiresGrad: true });
    expect(grad(F.huberLoss(x, zeros([1]), { delta: 2 }), x).item()).toBe(2);
    expect(grad(F.smoothL1Loss(x, zeros([1]), { beta: 2 }), x).item()).toBe(1);
  });
});

test("the curvature of the logistic losses at 0 is a quarter", () => {
  const x = tensor([0], { requiresGrad: true });
  const first = grad(F.softMarginLoss(x, ones([1])), x, { createGraph: true });
  expect(first.item()).toBe(-0.5);
  expect(grad(first.sum(), x).item()).toBe(0.25);
});

test("a focal loss is five lines", () => {
  const focal = (x: Tensor, target: Tensor, gamma = 2): Tensor => {
    const losses = F.binaryCrossEntropyWithLogits(x, target, { reduction: "none" });
    const right = losses.neg().exp();
    return right.neg().add(1).pow(gamma).mul(losses).mean();
  };
  const x = randn([8], { requiresGrad: true });
  const target = x.detach().gt(0).to("float32");
  expect(focal(x, target, 0).item()).toBeCloseTo(F.binaryCrossEntropyWithLogits(x, target).item(), 6);
  expect(focal(x, target).item()).toBeLessThan(focal(x, target, 0).item() / 4);
  expect(grad(focal(x, target), x).shape).toEqual([8]);
});

test("weights are buffers, under PyTorch's names, and follow the module", () => {
  const loss = new nn.BCEWithLogitsLoss({ weight: ones([2]), posWeight: ones([2]) });
  expect(Object.keys(loss.stateDict())).toEqual(["weight", "pos_weight"]);
  loss.loadStateDict({ weight: tensor([1, 0]), pos_weight: tensor([3, 3]) });
  const x = zeros([1, 2], { dtype: "float64" });
  expect(loss.to("float64").call(x, x.add(1)).item()).toBeCloseTo(1.5 * Math.LN2, 12);
  expect(Object.keys(new nn.NLLLoss({ weight: ones([2]) }).stateDict())).toEqual(["weight"]);
  expect(new nn.MultiMarginLoss().parameters()).toEqual([]);
});

test("losses print as in PyTorch", () => {
  expect(String(new nn.TripletMarginLoss())).toBe("TripletMarginLoss()");
  expect(String(new nn.TripletMarginWithDistanceLoss({ distanceFunction: new nn.PairwiseDistance() }))).toBe(
    "TripletMarginWithDistanceLoss(\n  (distance_function): PairwiseDistance()\n)",
  );
});

test("a triplet loss measures with any distance", () => {
  const [a, p, n] = [randn([4, 3]), randn([4, 3]), randn([4, 3])];
  const usual = F.tripletMarginLoss(a, p, n, { swap: true }).item();
  expect(F.tripletMarginWithDistanceLoss(a, p, n, { swap: true }).item()).toBe(usual);
  const module = new nn.TripletMarginWithDistanceLoss({ swap: true, distanceFunction: new nn.PairwiseDistance() });
  expect(module.call(a, p, n).item()).toBe(usual);
  const cosine = (x: Tensor, y: Tensor): Tensor => F.cosineSimilarity(x, y).neg().add(1);
  expect(F.tripletMarginWithDistanceLoss(a, a, n, { distanceFunction: cosine, margin: 3 }).item()).toBeGreaterThan(1);
});

describe("PyTorch's corners", () => {
  test("a small variance counts as eps, and has its gradient", () => {
    const v = tensor([0, 0.25, 4], { requiresGrad: true });
    const loss = F.gaussianNllLoss(ones([3]), zeros([3]), v, { eps: 0.5, reduction: "none" });
    expect(loss.toArray()).toEqual(
      [0.5 * (Math.log(0.5) + 2), 0.5 * (Math.log(0.5) + 2), 0.5 * (Math.log(4) + 0.25)].map(Math.fround),
    );
    expect(grad(loss.sum(), v).toArray()).toEqual([-1, -1, 0.09375]);
    expect(F.gaussianNllLoss(ones([3]), zeros([3]), 2).item()).toBeCloseTo(0.5 * (Math.LN2 + 0.5), 6);
  });

  test("kinks have slope 0", () => {
    const x = tensor([1, 0.5], { requiresGrad: true });
    expect(
      grad(F.hingeEmbeddingLoss(x, tensor([-1, -1]), { reduction: "sum" }), x)
        .add(0)
        .toArray(),
    ).toEqual([0, -1]);
    expect(
      grad(F.marginRankingLoss(x, tensor([1, 1]), ones([2]), { reduction: "sum" }), x)
        .add(0)
        .toArray(),
    ).toEqual([0, -1]);
  });

  test("a target of 0 adds nothing to a divergence", () => {
    const t = tensor([0, 1], { requiresGrad: true });
    const loss = F.klDiv(tensor([-1, -2]), t, { reduction: "none" });
    expect(loss.toArray()).toEqual([0, 2]);
    expect(F.klDiv(zeros([]), ones([]), { reduction: "batchmean" }).item()).toBe(0);
    expect(F.klDiv(zeros([1]), tensor([-1])).item()).toBeNaN();
  });

  test("multilabelMarginLoss reads classes up to the first -1", () => {
    const x = tensor([[0.1, 0.2, 0.4, 0.8]]);
    // The example of PyTorch's documentation.
    expect(F.multilabelMarginLoss(x, ints([[3, 0, -1, 1]])).item()).toBeCloseTo(0.85, 6);
    expect(F.multilabelMarginLoss(x, ints([[-1, 0, -1, 1]])).item()).toBe(0);
  });
});

describe("errors", () => {
  const [a, b] = [ones([2, 3]), ones([3])];
  const differ = "the input [2,3] and the target [3] differ; reshape() one of them";
  const cases: [run: () => unknown, message: string][] = [
    [() => F.l1Loss(a, b), `l1Loss: ${differ}`],
    [() => F.huberLoss(a, b), `huberLoss: ${differ}`],
    [() => F.smoothL1Loss(a, b), `smoothL1Loss: ${differ}`],
    [() => F.binaryCrossEntropy(a, b), `binaryCrossEntropy: ${differ}`],
    [() => F.binaryCrossEntropyWithLogits(a, b), `binaryCrossEntropyWithLogits: ${differ}`],
    [() => F.multilabelSoftMarginLoss(a, b), `multilabelSoftMarginLoss: ${differ}`],
    [() => F.huberLoss(a, a, { delta: 0 }), "huberLoss: delta must be above 0, got 0"],
    [() => new nn.HuberLoss({ delta: -1 }), "HuberLoss: delta must be above 0, got -1"],
    [() => new nn.SmoothL1Loss({ beta: -1 }), "SmoothL1Loss: beta must be at least 0, got -1"],
    [() => new nn.TripletMarginLoss({ margin: 0 }), "TripletMarginLoss: margin must be above 0, got 0"],
    [() => new nn.MultiMarginLoss({ p: 3 }), 'MultiMarginLoss: unknown p "3"; use one of "1", "2"'],
    [
      () => new nn.KLDivLoss({ reduction: "average" as "mean" }),
      'KLDivLoss: unknown reduction "average"; use one of "mean", "batchmean", "sum", "none"',
    ],
    [() => F.l1Loss(a, a, { reduction: "batchmean" as "mean" }), 'l1Loss: unknown reduction "batchmean"'],
    [
      () => F.l1Loss(a, a, { sizeAverage: true } as never),
      'l1Loss: there is no option "sizeAverage"; the options are reduction',
    ],
    [
      () => F.binaryCrossEntropy(tensor([2]), ones([1])),
      "binaryCrossEntropy: the input must lie in [0, 1], got 2; apply sigmoid() to it",
    ],
    [
      () => F.binaryCrossEntropy(ones([1]), tensor([-1])),
      "binaryCrossEntropy: the target must lie in [0, 1], got -1; give probabilities",
    ],
    [
      () => F.gaussianNllLoss(b, b, tensor([1, -2, 3])),
      "gaussianNllLoss: the variance must not be negative, got -2; apply exp() to it",
    ],
    [
      () => F.gaussianNllLoss(a, a, b),
      "gaussianNllLoss: a variance [3] for an input [2,3]; give it the same shape, or one axis of size 1",
    ],
    [
      () => F.marginRankingLoss(a, b, b),
      "marginRankingLoss: x, y and target [2,3], [3], [3] have different numbers of axes; reshape() them",
    ],
    [
      () => F.tripletMarginLoss(a, b, a),
      "anchor, positive and negative [2,3], [3], [2,3] have different numbers of axes; reshape() them",
    ],
    [
      () => F.cosineEmbeddingLoss(a, a, a),
      "cosineEmbeddingLoss: [2,3], [2,3] and targets [2,3] do not fit; expected [N,D], [N,D] and [N], or [D], [D] and []",
    ],
    [() => F.multiMarginLoss(a, ints([0, 3])), "index 3 is out of range"],
    [() => F.multiMarginLoss(a, ints([0])), "multiMarginLoss: scores [2,3] and targets [1] do not fit"],
    [
      () => F.multiMarginLoss(ones([2, 3, 1]), ints([[0], [1]])),
      "multiMarginLoss: scores of shape [2,3,1]; expected [N,C] or [C]",
    ],
    [
      () => F.multiMarginLoss(a, ints([0, 1]), { weight: ones([2]) }),
      "multiMarginLoss: the weight [2] must have one element per class of [2,3]",
    ],
    [
      () => F.multilabelMarginLoss(a, ints([0])),
      "multilabelMarginLoss: scores [2,3] and targets [1] do not fit; expected [N,C] twice, or [C]",
    ],
    [
      () => F.multilabelMarginLoss(a, a),
      'multilabelMarginLoss: the classes have dtype float32; convert them with .to("int32")',
    ],
    [() => F.multilabelMarginLoss(b, ints([3, -1, 0])), "index 3 is out of range"],
  ];
  test.each(cases.map(([run, message]) => [message, run] as const))("%s", (message, run) => {
    expect(run).toThrow(message);
  });

  test("are of the kinds of the library", () => {
    expect(() => F.l1Loss(a, b)).toThrow(ShapeError);
    expect(() => F.multilabelMarginLoss(a, a)).toThrow(DTypeError);
  });
});
