import { cpu } from "@descent/backend-cpu";
import {
  type Buffer,
  grad,
  manualSeed,
  ones,
  type Parameter,
  randn,
  setBackend,
  type Tensor,
  tensor,
  zeros,
} from "@descent/core";
import { SGD } from "@descent/optim";
import { describe, expect, test } from "vitest";
import { Conv2d, ConvTranspose2d, Linear, Module, Sequential, utils } from "../index.ts";

setBackend(cpu());
const { weightNorm, spectralNorm, registerParametrization, removeParametrizations, isParametrized } = utils;

const expectNear = (a: Tensor, b: Tensor, within = 1e-6): void => {
  expect(a.shape).toEqual(b.shape);
  expect(a.sub(b).abs().amax().item()).toBeLessThan(within);
};

/** A symmetric matrix of the upper half. */
class Symmetric extends Module {
  forward(x: Tensor): Tensor {
    return x.add(x.transpose(0, 1)).mul(0.5);
  }
}

class Double extends Module {
  forward(x: Tensor): Tensor {
    return x.mul(2);
  }

  rightInverse(x: Tensor): Tensor {
    return x.div(2);
  }
}

describe("a parametrized weight", () => {
  test("is computed whenever it is read, and its originals are trained and saved", () => {
    const layer = new Linear(3, 3);
    const { weight } = layer;
    expect(registerParametrization(layer, "weight", new Symmetric())).toBe(layer);
    expect(layer.weight.toArray()).toEqual(layer.weight.transpose(0, 1).toArray());
    expect(Object.keys(layer.stateDict())).toEqual(["bias", "parametrizations.weight.original"]);
    expect(layer.parameters()).toContain(weight);
    weight.assign(
      tensor([
        [1, 2, 3],
        [0, 1, 0],
        [1, 0, 0],
      ]),
    );
    expect(layer.weight.toArray()).toEqual([
      [1, 1, 2],
      [1, 1, 0],
      [2, 0, 0],
    ]);
    layer
      .call(ones([1, 3]))
      .sum()
      .backward();
    expect(weight.grad!.toArray()).toEqual([
      [1, 1, 1],
      [1, 1, 1],
      [1, 1, 1],
    ]);
  });

  test("follows a model: state dicts, dtypes, modes, printing", () => {
    const model = new Sequential(new Linear(2, 2), new Linear(2, 2));
    registerParametrization(model.at(0) as Linear, "weight", new Double());
    const [key] = Object.keys(model.stateDict()).filter((name) => name.includes("original"));
    expect(key).toBe("0.parametrizations.weight.original");
    model.to("float64").loadStateDict({ ...model.stateDict(), [key!]: ones([2, 2]) });
    expect((model.at(0) as Linear).weight.toArray()).toEqual([
      [2, 2],
      [2, 2],
    ]);
    expect((model.at(0) as Linear).weight.dtype).toBe("float64");
    expect(
      model
        .eval()
        .modules()
        .every(({ training }) => !training),
    ).toBe(true);
    expect(String(model.at(0))).toBe(
      [
        "Linear(",
        "  in_features=2, out_features=2, bias=True",
        "  (parametrizations): Parametrizations(",
        "    (weight): ParametrizationList(",
        "      (0): Double()",
        "    )",
        "  )",
        ")",
      ].join("\n"),
    );
  });

  test("begins with the same value where there is an inverse, and goes through all parametrizations", () => {
    const layer = new Linear(2, 2);
    const before = layer.weight.detach();
    registerParametrization(layer, "weight", new Double());
    expect(layer.weight.toArray()).toEqual(before.toArray());
    registerParametrization(layer, "weight", new Double());
    expect(layer.weight.toArray()).toEqual(before.mul(2).toArray());
    expect(Object.keys(layer.stateDict())).toEqual(["bias", "parametrizations.weight.original"]);
  });

  test("becomes an ordinary one again, in its old place", () => {
    const layer = new Linear(2, 2);
    const { weight } = layer;
    registerParametrization(layer, "weight", new Symmetric());
    registerParametrization(layer, "bias", new Double());
    expect([isParametrized(layer), isParametrized(layer, "weight"), isParametrized(new Linear(1, 1))]).toEqual([
      true,
      true,
      false,
    ]);
    const value = layer.weight.toArray();
    removeParametrizations(layer, "weight");
    expect(layer.weight).toBe(weight);
    expect(layer.weight.toArray()).toEqual(value);
    expect([isParametrized(layer), isParametrized(layer, "weight")]).toEqual([true, false]);
    const original = layer.stateDict()["parametrizations.bias.original"]!;
    removeParametrizations(layer, "bias", { leaveParametrized: false });
    expect(layer.bias!.toArray()).toEqual(original.toArray());
    expect(Object.keys(layer.stateDict())).toEqual(["weight", "bias"]);
    expect(isParametrized(layer)).toBe(false);
  });

  test("needs a variable, and keeps its shape", () => {
    const layer = new Linear(2, 3);
    expect(() => registerParametrization(layer, "forward", new Double())).toThrow(
      'registerParametrization: Linear has no parameter or buffer "forward"',
    );
    expect(() =>
      registerParametrization(
        layer,
        "weight",
        new (class T extends Module {
          forward(x: Tensor): Tensor {
            return x.transpose(0, 1);
          }
        })(),
      ),
    ).toThrow(
      'registerParametrization: the parametrization makes float32 [2,3] of "weight", which is float32 [3,2]; keep shape and dtype',
    );
    expect(isParametrized(layer)).toBe(false);
    expect(() => removeParametrizations(layer, "weight")).toThrow(
      'removeParametrizations: "weight" of Linear is not parametrized',
    );
    expect(() => removeParametrizations(weightNorm(layer), "weight", { leaveParametrized: false })).toThrow(
      'removeParametrizations: "weight" has 2 originals, none of which is the weight; leave it parametrized',
    );
    const { parametrizations } = layer as unknown as { parametrizations: Module };
    expect(() => parametrizations.forward()).toThrow("Parametrizations: it computes nothing");
  });
});

describe("weightNorm", () => {
  test("separates length and direction, along any axis", () => {
    manualSeed(1);
    for (const [dim, shape] of [
      [0, [4, 1, 1, 1]],
      [1, [1, 3, 1, 1]],
      [-1, [1, 1, 1, 2]],
      [null, []],
    ] as const) {
      const layer = new Conv2d(3, 4, 2);
      const before = layer.weight.detach();
      weightNorm(layer, { dim });
      const state = layer.stateDict();
      expect(Object.keys(state)).toEqual([
        "bias",
        "parametrizations.weight.original0",
        "parametrizations.weight.original1",
      ]);
      expect(state["parametrizations.weight.original0"]!.shape).toEqual(shape);
      expectNear(layer.weight, before);
      const [, g, v] = layer.parameters() as [Parameter, Parameter, Parameter];
      v.assign(v.mul(3));
      expectNear(layer.weight, before);
      g.assign(g.mul(2));
      expectNear(layer.weight, before.mul(2));
    }
  });

  test("its gradient stands at right angles to the direction", () => {
    const layer = weightNorm(new Linear(3, 2));
    const [, g, v] = layer.parameters() as [Parameter, Parameter, Parameter];
    const loss = layer
      .call(randn([5, 3]))
      .square()
      .sum();
    const [dg, dv] = grad(loss, [g, v]) as [Tensor, Tensor];
    expect(dg.abs().amin().item()).toBeGreaterThan(0);
    expectNear(dv.mul(v).sum(1), zeros([2]), 1e-4);
  });

  test("is trained, and removed with its value", () => {
    const layer = weightNorm(new Linear(3, 2));
    const optimizer = new SGD(layer.parameters(), { lr: 0.1 });
    const before = layer.weight.detach();
    layer
      .call(randn([5, 3]))
      .square()
      .sum()
      .backward();
    optimizer.step();
    const after = layer.weight.detach();
    expect(after.sub(before).abs().amax().item()).toBeGreaterThan(1e-4);
    utils.removeWeightNorm(layer);
    expect(layer.weight.toArray()).toEqual(after.toArray());
    expect(Object.keys(layer.stateDict())).toEqual(["weight", "bias"]);
    expect(layer.weight.requiresGrad).toBe(true);
  });

  test("of a vector takes each element for itself", () => {
    const layer = new Linear(3, 2);
    const before = layer.bias!.detach();
    expectNear(weightNorm(layer, { name: "bias" }).bias!, before);
    expect(() => weightNorm(new Linear(2, 2), { dim: 2 })).toThrow("weightNorm: axis 2 does not exist");
  });
});

describe("spectralNorm", () => {
  const singular = (layer: Module): { u: Buffer; v: Buffer } => {
    const [u, v] = layer.buffers() as [Buffer, Buffer];
    return { u, v };
  };

  test("is what PyTorch makes of the same state", () => {
    const layer = spectralNorm(new Linear(3, 2)).eval();
    expect(Object.keys(layer.stateDict())).toEqual([
      "bias",
      "parametrizations.weight.original",
      "parametrizations.weight.0._u",
      "parametrizations.weight.0._v",
    ]);
    layer.loadStateDict({
      bias: zeros([2]),
      "parametrizations.weight.original": tensor([
        [1, 2, 3],
        [-1, 0.5, 2],
      ]),
      "parametrizations.weight.0._u": tensor([0.6, 0.8]),
      "parametrizations.weight.0._v": tensor([0, 0.6, 0.8]),
    });
    // σ = uᵀ W v.
    const sigma = 0.6 * (0.6 * 2 + 0.8 * 3) + 0.8 * (0.6 * 0.5 + 0.8 * 2);
    expectNear(
      layer.weight,
      tensor([
        [1, 2, 3],
        [-1, 0.5, 2],
      ]).div(sigma),
    );
    // One step of the power method, from PyTorch.
    layer.train().call(zeros([1, 3]));
    const { u, v } = singular(layer);
    expectNear(u, tensor([0.8843847513, 0.4667586088]), 1e-5);
    expectNear(v, tensor([0.1011488214, 0.4849193692, 0.8686898947]), 1e-5);
  });

  test("has the largest singular value 1, along any axis", () => {
    manualSeed(2);
    for (const dim of [0, 1, -1]) {
      const layer = spectralNorm(new Conv2d(3, 4, 2), { dim, nPowerIterations: 50 });
      layer.call(zeros([1, 3, 2, 2]));
      const at = (dim + 4) % 4;
      const matrix = layer.weight.detach().transpose(0, at).flatten(1);
      let v = randn([matrix.shape[1]!]);
      for (let i = 0; i < 200; i++) {
        const w = matrix.matmul(v).matmul(matrix);
        v = w.div(w.square().sum().sqrt());
      }
      expect(matrix.matmul(v).square().sum().sqrt().item()).toBeCloseTo(1, 3);
    }
  });

  test("takes the outputs of a transposed convolution from its axis 1", () => {
    expect(singular(spectralNorm(new ConvTranspose2d(3, 5, 2))).u.shape).toEqual([5]);
    expect(singular(spectralNorm(new ConvTranspose2d(3, 5, 2), { dim: 0 })).u.shape).toEqual([3]);
  });

  test("only calls in training make the vectors better", () => {
    const layer = spectralNorm(new Linear(5, 4));
    const state = (): unknown => singular(layer).u.toArray();
    const before = state();
    expect(String(layer)).toContain("in_features=5");
    layer.weight.toArray();
    layer.eval().call(zeros([1, 5]));
    expect(state()).toEqual(before);
    layer.train().call(zeros([1, 5]));
    expect(state()).not.toEqual(before);
  });

  test("two passes before a gradient, as of real and fake samples", () => {
    const layer = spectralNorm(new Linear(3, 1));
    const loss = layer
      .call(ones([1, 3]))
      .sub(layer.call(zeros([1, 3])))
      .sum();
    loss.backward();
    const [, original] = layer.parameters();
    expect(original!.grad!.isfinite().all().item()).toBe(1);
  });

  test("of a vector is the vector over its norm, and it comes off", () => {
    const layer = spectralNorm(new Linear(2, 2), { name: "bias" });
    expect(layer.bias!.square().sum().item()).toBeCloseTo(1, 6);
    expect(layer.buffers()).toEqual([]);
    const value = layer.bias!.toArray();
    expect(utils.removeSpectralNorm(layer, { name: "bias" }).bias!.toArray()).toEqual(value);
  });

  test("rejects what is no weight", () => {
    expect(() => spectralNorm(new Linear(2, 2), { name: "mass" })).toThrow(
      'spectralNorm: Linear has no parameter or buffer "mass"',
    );
    expect(() => spectralNorm(new Linear(2, 2), { nPowerIterations: 0 })).toThrow(
      "spectralNorm: nPowerIterations must be a positive integer, got 0",
    );
    expect(() => spectralNorm(new Linear(2, 2), { dim: 2 })).toThrow("spectralNorm: axis 2 does not exist");
  });
});

test("parameters as one vector, and back", () => {
  const [layer, other] = [new Linear(3, 2), new Linear(3, 2)];
  const vector = utils.parametersToVector(layer.parameters());
  expect(vector.shape).toEqual([8]);
  utils.vectorToParameters(vector, other.parameters());
  expect(other.weight.toArray()).toEqual(layer.weight.toArray());
  expect(other.bias!.toArray()).toEqual(layer.bias!.toArray());
  expect(() => utils.vectorToParameters(ones([7]), other.parameters())).toThrow(
    "vectorToParameters: a vector [7] for 8 elements",
  );
});
