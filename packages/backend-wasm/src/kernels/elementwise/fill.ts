import { I32, I32x4 } from "../../assembler/index.ts";
import { bytesOf, type Families } from "../../reference.ts";
import type { Runtime } from "../../runtime.ts";
import { lazy } from "../lazy.ts";
import { elementOf, forItems, run2, VECTORS } from "./items.ts";

/** Nanoseconds of an item. */
const COST = 1;

/** `fill` of float32, int32 and bool. */
export function fill(runtime: Runtime, reference: Families): Families["fill"] {
  const { pager } = runtime;
  const kernel = lazy(() =>
    runtime.kernel({ bits: I32, y: I32 }, (f, { bits, y }, range) => {
      const value = f.let(I32x4.splat(bits));
      forItems(f, range, (i) => {
        for (const at of VECTORS) f.store(y.add(i), value, at);
      });
    }),
  );

  return (value, out) => {
    if (out.dtype === "float64") return reference.fill(value, out);
    pager.begin("fill");
    const bytes = bytesOf(out);
    const y = pager.allocate(bytes);
    // Four bools at a time.
    const bits = out.dtype === "bool" ? (value !== 0 ? 0x01010101 : 0) : elementOf(runtime, out.dtype, value);
    run2(runtime, kernel(), Math.ceil(bytes / 64), COST, bits, pager.address(y));
    return y;
  };
}
