import type { Block, Operand, Spec } from "@descent/core";
import { I32 } from "../../assembler/index.ts";
import { bytesOf } from "../../reference.ts";
import type { Kernel, Runtime } from "../../runtime.ts";
import { FloatLanes } from "../../vector-math/index.ts";
import { forItems, itemsOf, run2 } from "./items.ts";

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
  const { pager } = runtime;
  const kernels = new Map<number, Kernel>();

  return (a, b, out) => {
    if (typeof a === "number" || typeof b !== "number" || out.dtype !== "float32") return null;
    const of = POWERS.get(b);
    if (of === undefined) return null;
    let kernel = kernels.get(b);
    if (kernel === undefined) {
      kernel = compile(runtime, of);
      kernels.set(b, kernel);
    }
    pager.begin("pow");
    pager.use(a.handle);
    const y = pager.allocate(bytesOf(out));
    run2(runtime, kernel, itemsOf(out), COST, pager.address(a.handle), pager.address(y));
    return y;
  };
}

const compile = (runtime: Runtime, of: (x: FloatLanes) => FloatLanes): Kernel =>
  runtime.compile<"kernel">((m) =>
    m.kernel("kernel", { x: I32, y: I32 }, (f, { x, y }, range) =>
      forItems(f, range, (i) => of(FloatLanes.load(f, x.add(i))).store(y.add(i))),
    ),
  ).kernel;
