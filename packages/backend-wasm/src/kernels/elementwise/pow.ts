import type { Block, Operand, Spec } from "@descent/core";
import type { Runtime } from "../../runtime.ts";
import type { FloatLanes } from "../../vector-math/index.ts";
import { lazy } from "../lazy.ts";
import { itemsOf, kernelOf1, map } from "./items.ts";

/** Nanoseconds of an item. */
const COST = 6;

/** A power, unlike a root, has no negative zero, and of −∞ it is ∞. */
const squareRoot = (x: FloatLanes): FloatLanes =>
  x.eq(Number.NEGATIVE_INFINITY).select(Number.POSITIVE_INFINITY, x.sqrt().add(0));

/** The exponents for which there is something simpler than a power. */
const POWERS: ReadonlyMap<number, (x: FloatLanes) => FloatLanes> = new Map([
  [-2, (x) => x.reciprocal().mul(x.reciprocal())],
  [-1, (x) => x.reciprocal()],
  [-0.5, (x) => squareRoot(x).reciprocal()],
  [0.5, squareRoot],
  [1, (x) => x],
  [1.5, (x) => squareRoot(x).mul(x.abs())],
  [2, (x) => x.mul(x)],
  [3, (x) => x.mul(x).mul(x)],
  [4, (x) => x.mul(x).mul(x.mul(x))],
]);

/** `aᵇ` of float32 for some numbers `b`; `null` where there is no kernel. */
export function powOfNumber(
  runtime: Runtime,
): (a: Operand<Block> | number, b: Operand<Block> | number, out: Spec) => Block | null {
  const kernels = new Map(Array.from(POWERS, ([b, of]) => [b, lazy(() => kernelOf1(runtime, of))]));

  return (a, b, out) => {
    if (typeof a === "number" || typeof b !== "number" || out.dtype !== "float32") return null;
    const kernel = kernels.get(b)?.();
    return kernel === undefined ? null : map(runtime, kernel, "pow", a, out, itemsOf(out), COST);
  };
}
