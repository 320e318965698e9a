import { type DType, sizeOf } from "@descent/core";
import { F32x4, type FunctionBuilder, I8x16, I32, type I32x4 } from "../../assembler/index.ts";
import type { Families } from "../../reference.ts";
import type { Runtime } from "../../runtime.ts";
import { lazyTable } from "../lazy.ts";
import { forItems, map, toBools, toMasks, VECTORS } from "./items.ts";

/** Nanoseconds of an item. */
const COST = 2;

/** Converts the sixteen elements that begin at `i`, in bytes of 32-bit elements. */
type Conversion = (f: FunctionBuilder, x: I32, y: I32, i: I32) => void;

/** A conversion between dtypes of 32 bits, four elements at a time. */
const lanes =
  (of: (x: F32x4) => F32x4 | I32x4): Conversion =>
  (f, x, y, i) => {
    for (const at of VECTORS) f.store(y.add(i), of(F32x4.load(x.add(i), at)), at);
  };

const toBool =
  (isTrue: (f: FunctionBuilder, x: F32x4) => I32x4): Conversion =>
  (f, x, y, i) =>
    f.store(y.add(i.shrU(2)), toBools(VECTORS.map((at) => isTrue(f, F32x4.load(x.add(i), at)))));

const fromBool =
  (of: (one: I32x4) => F32x4 | I32x4): Conversion =>
  (f, x, y, i) => {
    for (const [k, mask] of toMasks(f, I8x16.load(x.add(i.shrU(2)))).entries())
      f.store(y.add(i), of(mask.neg()), VECTORS[k]);
  };

const CONVERSIONS: Partial<Record<DType, Partial<Record<DType, Conversion>>>> = {
  float32: {
    int32: lanes((x) => x.toI32x4()),
    bool: toBool((f, x) => x.ne(f.f32x4(0))),
  },
  int32: {
    float32: lanes((x) => x.asI32x4().toF32x4()),
    bool: toBool((f, x) => x.asI32x4().ne(f.i32x4(0))),
  },
  bool: {
    float32: fromBool((one) => one.toF32x4()),
    int32: fromBool((one) => one),
  },
};

/** `cast` between float32, int32 and bool. Floats beyond the integers become the nearest one, NaN becomes 0. */
export function cast(runtime: Runtime, reference: Families): Families["cast"] {
  const kernels = lazyTable(CONVERSIONS, (conversions) =>
    lazyTable(conversions, (convert) =>
      runtime.kernel({ x: I32, y: I32 }, (f, { x, y }, range) => forItems(f, range, (i) => convert(f, x, y, i))),
    ),
  );

  return (x, out) => {
    const kernel = kernels[x.dtype]?.()[out.dtype]?.();
    if (kernel === undefined) return reference.cast(x, out);
    // Also of bools sixteen are an item here.
    return map(runtime, kernel, "cast", x, out, Math.ceil(sizeOf(out.shape) / 16), COST);
  };
}
