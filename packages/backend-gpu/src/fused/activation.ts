import type { FusedName } from "@descent/core";
import type { Device } from "../device.ts";
import { type GpuOperand, inOrder } from "../kernels/kernel.ts";
import { map } from "../kernels/map.ts";
import { ERF_SERIES, TAIL } from "../shaders/error-function.ts";
import type { FusedKernels } from "./fused.ts";

/** The normal distribution function at `z` into `phi`, by way of `erf(x)` at `x = z / √2`. */
const PHI = `const x = z * ${Math.SQRT1_2};
${TAIL}let erf = ${ERF_SERIES};
if (Math.abs(x) >= 1) { erf = x < 0 ? tail - 1 : 1 - tail; }
const phi = 0.5 + 0.5 * erf;
`;

type Activation = "gelu" | "silu";
type Gradient = Extract<FusedName, "reluGrad" | "tanhGrad" | "sigmoidGrad" | "geluGrad" | "siluGrad">;

/** Bodies over `z`. */
const FORWARD: Record<Activation, string> = {
  silu: "return z / (1 + Math.exp(-z));",
  gelu: `${PHI}return z * phi;`,
};

/** Bodies over the gradient `g`, and what the op has saved, as `z`: the result of the first three, the operand of the others. */
const GRADIENT: Record<Gradient, string> = {
  reluGrad: "return z <= 0 ? 0 : g;",
  tanhGrad: "return g * (1 - z * z);",
  sigmoidGrad: "return g * z * (1 - z);",
  siluGrad: "const s = 1 / (1 + Math.exp(-z));\nreturn g * s * (1 + z * (1 - s));",
  geluGrad: `${PHI}return g * (phi + z * Math.exp(-0.5 * z * z) * ${1 / Math.sqrt(2 * Math.PI)});`,
};

/** NaN stays NaN, which exp does not promise. */
const numbers = (body: string): string => `if (!(z <= 0) && !(z > 0)) { return z; }\n${body}`;

/** Activations and their gradients, one launch each. */
export function activation(device: Device): FusedKernels {
  const forward = (op: Activation) =>
    function activate([x]: readonly [GpuOperand]) {
      const body = numbers(FORWARD[op]);
      return [map(device, { op, key: op, shape: x.shape, inputs: { z: inOrder(x) }, body })];
    };
  const gradient = (op: Gradient) =>
    function differentiate([g, x]: readonly [GpuOperand, GpuOperand]) {
      const body = op === "reluGrad" ? GRADIENT[op] : numbers(GRADIENT[op]);
      return [map(device, { op, key: op, shape: x.shape, inputs: { g: inOrder(g), z: inOrder(x) }, body })];
    };
  return {
    silu: forward("silu"),
    gelu: forward("gelu"),
    reluGrad: gradient("reluGrad"),
    tanhGrad: gradient("tanhGrad"),
    sigmoidGrad: gradient("sigmoidGrad"),
    siluGrad: gradient("siluGrad"),
    geluGrad: gradient("geluGrad"),
  };
}
