import { cpu } from "@descent/backend-cpu";
import { gradcheck, randn, setBackend, type Tensor } from "@descent/core";
import { expect, test } from "vitest";
import { functional, GELU, type Layer, ReLU, Sigmoid, SiLU, Tanh } from "./index.ts";

setBackend(cpu());
const { gelu, relu, sigmoid, silu, tanh } = functional;

test("layers are their functions", () => {
  const x = randn([3, 4]);
  const pairs: [Layer, (x: Tensor) => Tensor][] = [
    [new ReLU(), relu],
    [new Tanh(), tanh],
    [new Sigmoid(), sigmoid],
    [new SiLU(), silu],
    [new GELU(), gelu],
    [new GELU({ approximate: "tanh" }), (x) => gelu(x, { approximate: "tanh" })],
  ];
  for (const [layer, fn] of pairs) expect(layer.call(x).toArray()).toEqual(fn(x).toArray());
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
