import { cpu } from "@descent/backend-cpu";
import { Generator, gradcheck, ones, randn, setBackend, type Tensor, tensor } from "@descent/core";
import { describe, expect, test } from "vitest";
import * as nn from "./index.ts";

setBackend(cpu());
const { functional: F } = nn;
const { gelu, GELU } = { ...F, ...nn };

/** Layers, the functions that they are, and what PyTorch prints. */
const LAYERS: readonly [layer: nn.Layer, fn: (x: Tensor) => Tensor, printed: string][] = [
  [new nn.ReLU(), F.relu, "ReLU()"],
  [new nn.Tanh(), F.tanh, "Tanh()"],
  [new nn.Sigmoid(), F.sigmoid, "Sigmoid()"],
  [new nn.SiLU(), F.silu, "SiLU()"],
  [new nn.GELU(), F.gelu, "GELU(approximate='none')"],
  [new nn.GELU({ approximate: "tanh" }), (x) => F.gelu(x, { approximate: "tanh" }), "GELU(approximate='tanh')"],
  [new nn.ReLU6(), F.relu6, "ReLU6()"],
  [new nn.SELU(), F.selu, "SELU()"],
  [new nn.LogSigmoid(), F.logSigmoid, "LogSigmoid()"],
  [new nn.Softsign(), F.softsign, "Softsign()"],
  [new nn.Tanhshrink(), F.tanhshrink, "Tanhshrink()"],
  [new nn.Hardsigmoid(), F.hardsigmoid, "Hardsigmoid()"],
  [new nn.Hardswish(), F.hardswish, "Hardswish()"],
  [new nn.Mish(), F.mish, "Mish()"],
  [new nn.LeakyReLU(), F.leakyRelu, "LeakyReLU(negative_slope=0.01)"],
  [new nn.LeakyReLU(0.2), (x) => F.leakyRelu(x, { negativeSlope: 0.2 }), "LeakyReLU(negative_slope=0.2)"],
  [
    new nn.LeakyReLU({ negativeSlope: 0.3 }),
    (x) => F.leakyRelu(x, { negativeSlope: 0.3 }),
    "LeakyReLU(negative_slope=0.3)",
  ],
  [new nn.ELU(), F.elu, "ELU(alpha=1.0)"],
  [new nn.ELU({ alpha: 2 }), (x) => F.elu(x, { alpha: 2 }), "ELU(alpha=2.0)"],
  [new nn.CELU({ alpha: 1.5 }), (x) => F.celu(x, { alpha: 1.5 }), "CELU(alpha=1.5)"],
  [new nn.Softplus(), F.softplus, "Softplus(beta=1.0, threshold=20.0)"],
  [
    new nn.Softplus({ beta: 2, threshold: 0.5 }),
    (x) => F.softplus(x, { beta: 2, threshold: 0.5 }),
    "Softplus(beta=2.0, threshold=0.5)",
  ],
  [new nn.Hardtanh(), F.hardtanh, "Hardtanh(min_val=-1.0, max_val=1.0)"],
  [
    new nn.Hardtanh({ minVal: -0.5, maxVal: 2 }),
    (x) => F.hardtanh(x, { minVal: -0.5, maxVal: 2 }),
    "Hardtanh(min_val=-0.5, max_val=2.0)",
  ],
  [new nn.Hardshrink(), F.hardshrink, "Hardshrink(0.5)"],
  [new nn.Softshrink(1), (x) => F.softshrink(x, { lambd: 1 }), "Softshrink(1.0)"],
  [new nn.Threshold(0.1, 20), (x) => F.threshold(x, 0.1, 20), "Threshold(threshold=0.1, value=20)"],
  [new nn.GLU(), F.glu, "GLU(dim=-1)"],
  [new nn.GLU({ dim: 0 }), (x) => F.glu(x, { dim: 0 }), "GLU(dim=0)"],
  [new nn.PReLU(), (x) => F.prelu(x, tensor([0.25])), "PReLU(num_parameters=1)"],
  [
    new nn.PReLU({ numParameters: 4, init: 0.5 }),
    (x) => F.leakyRelu(x, { negativeSlope: 0.5 }),
    "PReLU(num_parameters=4)",
  ],
  [
    new nn.RReLU().eval(),
    (x) => F.leakyRelu(x, { negativeSlope: (1 / 8 + 1 / 3) / 2 }),
    "RReLU(lower=0.125, upper=0.3333333333333333)",
  ],
  [new nn.Softmax(1), (x) => F.softmax(x, 1), "Softmax(dim=1)"],
  [new nn.LogSoftmax({ dim: 0 }), (x) => F.logSoftmax(x, { dim: 0 }), "LogSoftmax(dim=0)"],
  [new nn.Softmin({ dim: -1 }), (x) => F.softmax(x.neg(), -1), "Softmin(dim=-1)"],
];

test.each(LAYERS.map(([layer, fn, printed]) => [printed, layer, fn] as const))(
  "%s is its function",
  (name, layer, fn) => {
    const x = randn([2, 4]).mul(3);
    expect(layer.call(x).toArray()).toEqual(fn(x).toArray());
    expect(String(layer)).toBe(name);
  },
);

test("Softmax2d normalises channels", () => {
  const layer = new nn.Softmax2d();
  for (const shape of [
    [2, 3, 2, 2],
    [3, 2, 2],
  ]) {
    const x = randn(shape);
    expect(layer.call(x).toArray()).toEqual(x.softmax(-3).toArray());
  }
  expect(String(layer)).toBe("Softmax2d()");
});

test("the weights of PReLU are learned, one per channel", () => {
  const layer = new nn.PReLU(3);
  expect(layer.stateDict().weight!.toArray()).toEqual([0.25, 0.25, 0.25]);
  const x = tensor([
    [1, -2, -3],
    [-4, 5, Number.POSITIVE_INFINITY],
  ]);
  layer.call(x).sum().backward();
  expect(layer.weight.grad!.toArray()).toEqual([-4, -2, -3]);
});

test("RReLU draws its slopes between the bounds in training, and the same ones from the same generator", () => {
  const draw = (seed: number) =>
    new nn.RReLU({ lower: 0.25, upper: 0.5, generator: new Generator(seed) }).call(ones([200]).neg()).neg();
  const slopes = draw(1);
  expect(slopes.amin().item()).toBeGreaterThanOrEqual(0.25);
  expect(slopes.amax().item()).toBeLessThan(0.5);
  expect(slopes.std().item()).toBeGreaterThan(0.05);
  expect(draw(1).equal(slopes)).toBe(true);
  expect(draw(2).equal(slopes)).toBe(false);
  expect(F.rrelu(tensor([3, -1]), { training: true }).toArray()).toEqual([3, expect.closeTo(-0.23, 0)]);
});

describe("gumbelSoftmax", () => {
  test("draws classes as often as softmax says", () => {
    const p = tensor([0.5, 0.3, 0.2]);
    const logits = p.log().expand([4000, 3]);
    const share = F.gumbelSoftmax(logits, { hard: true, generator: new Generator(3) }).mean(0);
    expect(share.isclose(p, { atol: 0.03 }).all().item()).toBe(1);
  });

  test.each([0, 1, -1])("hard samples along %d are one-hot, with the gradient of soft ones", (dim) => {
    const x = randn([3, 4], { requiresGrad: true });
    const [soft, hard] = [false, true].map((hard) =>
      F.gumbelSoftmax(x, { hard, dim, tau: 0.5, generator: new Generator(1) }),
    );
    expect(hard!.sum(dim).toArray()).toEqual(ones([dim === 0 ? 4 : 3]).toArray());
    expect(hard!.argmax(dim).equal(soft!.argmax(dim))).toBe(true);
    expect(hard!.amax(dim).toArray()).toEqual(hard!.sum(dim).toArray());
    const g = randn([3, 4]);
    const [a, b] = [soft!, hard!].map((y) => {
      x.grad = null;
      y.backward(g);
      return x.grad!;
    });
    expect(a!.allclose(b!, { atol: 1e-6 })).toBe(true);
  });
});

test.each<[call: () => unknown, message: string]>([
  [
    () => new nn.LeakyReLU({ slope: 1 } as never),
    'LeakyReLU: there is no option "slope"; the options are negativeSlope',
  ],
  [() => new nn.Softmax(undefined as never), "Softmax: expected an object of options, got undefined"],
  [() => new nn.Softmax({}), "Softmax: which axis is not said; pass a number, or { dim }"],
  [() => F.softmin(ones([2]), {}), "softmin: which axis is not said"],
  [() => new nn.Softmax2d().call(ones([2, 3])), "Softmax2d: expected [N,C,H,W] or [C,H,W], got [2,3]"],
  [() => new nn.Hardtanh({ minVal: 1 }), "Hardtanh: minVal 1 is not below maxVal 1"],
  [() => new nn.PReLU({ numParameters: 0 }), "PReLU: numParameters must be a positive integer, got 0"],
  [
    () => new nn.PReLU(2).call(ones([2, 3])),
    "prelu: weights [2] for 3 channels of [2,3] (in PReLU); give each channel one",
  ],
  [() => F.rrelu(ones([1]), { lower: 1, upper: 0 }), "rrelu: lower 1 is greater than upper 0"],
  [() => F.gumbelSoftmax(ones([2]), { tau: 0 }), "gumbelSoftmax: tau must be positive, got 0"],
])("rejects with a message: %s", (call, message) => {
  expect(call).toThrow(message);
});

test("gelu is approximated by tanh", () => {
  const x = randn([20], { dtype: "float64", requiresGrad: true });
  const far = gelu(x, { approximate: "tanh" }).sub(gelu(x)).abs().amax().item();
  expect(far).toBeGreaterThan(0);
  expect(far).toBeLessThan(1e-3);
  gradcheck((v) => gelu(v!, { approximate: "tanh" }), [x]);
});

test("unknown approximations are rejected", () => {
  const message = /: unknown approximate "erf"; use one of "none", "tanh"$/;
  expect(() => new GELU({ approximate: "erf" as "tanh" })).toThrow(message);
  expect(() => gelu(randn([1]), { approximate: "erf" as "tanh" })).toThrow(message);
});
