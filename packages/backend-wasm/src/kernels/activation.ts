import type { Block, Operand, Spec } from "@descent/core";
import type { FusedKernels } from "../reference.ts";
import type { Runtime } from "../runtime.ts";
import { expOfNegative, type FloatLanes, phi, sigmoid, silu } from "../vector-math/index.ts";
import { itemsOf, kernelOf1, kernelOf2, map, zip } from "./elementwise/items.ts";
import { lazy } from "./lazy.ts";

interface Activation {
  /** Nanoseconds of sixteen elements. */
  readonly cost: number;
  readonly of: (x: FloatLanes) => FloatLanes;
}

interface Gradient {
  /** Nanoseconds of sixteen elements. */
  readonly cost: number;
  /** Of the gradient of the result, and the result or argument that the definition of the op names. */
  readonly of: (g: FloatLanes, x: FloatLanes) => FloatLanes;
}

const ACTIVATIONS = {
  gelu: { cost: 25, of: (x) => x.mul(phi(x)) },
  silu: { cost: 11, of: silu },
} satisfies Record<string, Activation>;

/** The normal density. */
const density = (x: FloatLanes): FloatLanes => expOfNegative(x.mul(x).mul(-0.5)).mul(1 / Math.sqrt(2 * Math.PI));

const GRADIENTS = {
  // Where y is NaN the gradient stays.
  reluGrad: { cost: 2.2, of: (g, y) => g.bits().andNot(y.le(0)).asFloats() },
  tanhGrad: { cost: 2.2, of: (g, y) => g.mul(y).nmadd(y, g) },
  sigmoidGrad: { cost: 2.2, of: (g, y) => g.mul(y.nmadd(y, y)) },
  siluGrad: {
    cost: 13,
    of: (g, x) => {
      const s = sigmoid(x);
      return g.mul(s.mul(x.madd(s.neg().add(1), 1)));
    },
  },
  geluGrad: { cost: 36, of: (g, x) => g.mul(x.madd(density(x), phi(x))) },
} satisfies Record<string, Gradient>;

type Argument = Operand<Block> | number | null | undefined;

const isFloat32 = (x: Argument): x is Operand<Block> => typeof x === "object" && x !== null && x.dtype === "float32";

/** Activations that are no primitives, and the gradients of activations: one pass over memory each. */
export function activation(runtime: Runtime): FusedKernels {
  const activations = Object.entries<Activation>(ACTIVATIONS).map(([name, { cost, of }]) => {
    const kernel = lazy(() => kernelOf1(runtime, of));
    const compute = ([x]: readonly Argument[], _: unknown, [out]: readonly Spec[]) =>
      isFloat32(x) ? [map(runtime, kernel(), name, x, out!, itemsOf(x), cost)] : null;
    return [name, compute] as const;
  });
  const gradients = Object.entries<Gradient>(GRADIENTS).map(([name, { cost, of }]) => {
    const kernel = lazy(() => kernelOf2(runtime, of));
    const compute = ([g, x]: readonly Argument[], _: unknown, [out]: readonly Spec[]) =>
      isFloat32(g) && isFloat32(x) ? [zip(runtime, kernel(), name, g, x, out!, cost)] : null;
    return [name, compute] as const;
  });
  return Object.fromEntries([...activations, ...gradients]) as FusedKernels;
}
