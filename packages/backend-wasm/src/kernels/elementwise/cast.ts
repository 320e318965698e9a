import type { DType } from "@descent/core";
import { F32x4, type FunctionBuilder, I8x16, I32, type I32x4 } from "../../assembler/index.ts";
import { bytesOf, type Families } from "../../reference.ts";
import type { Kernel, Runtime } from "../../runtime.ts";
import { forItems, run2, toBools, toMasks, VECTORS } from "./items.ts";

/** Nanoseconds of an item. */
const COST = 2;

/** Converts sixteen elements. */
type Conversion = (f: FunctionBuilder, x: I32, y: I32) => void;

/** A conversion between dtypes of 32 bits, four elements at a time. */
const lanes =
  (of: (x: F32x4) => F32x4 | I32x4): Conversion =>
  (f, x, y) => {
    for (const at of VECTORS) f.store(y, of(F32x4.load(x, at)), at);
  };

const toBool =
  (isTrue: (f: FunctionBuilder, x: F32x4) => I32x4): Conversion =>
  (f, x, y) =>
    f.store(y, toBools(VECTORS.map((at) => isTrue(f, F32x4.load(x, at)))));

const fromBool =
  (of: (one: I32x4) => F32x4 | I32x4): Conversion =>
  (f, x, y) => {
    for (const [i, mask] of toMasks(f, I8x16.load(x)).entries()) f.store(y, of(mask.neg()), VECTORS[i]);
  };

const CONVERSIONS: Record<DType, Partial<Record<DType, Conversion>>> = {
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
  float64: {},
};

/** `cast` between float32, int32 and bool. Floats beyond the integers become the nearest one, NaN becomes 0. */
export function cast(runtime: Runtime, reference: Families): Families["cast"] {
  const { pager } = runtime;
  const kernels: Record<DType, Partial<Record<DType, Kernel>>> = { float32: {}, int32: {}, bool: {}, float64: {} };

  return (x, out) => {
    const conversion = CONVERSIONS[x.dtype][out.dtype];
    if (conversion === undefined) return reference.cast(x, out);
    let kernel = kernels[x.dtype][out.dtype];
    if (kernel === undefined) {
      kernel = compile(runtime, conversion, x.dtype, out.dtype);
      kernels[x.dtype][out.dtype] = kernel;
    }
    pager.begin("cast");
    pager.use(x.handle);
    const y = pager.allocate(bytesOf(out));
    // Also of bools sixteen are an item here.
    const items = Math.ceil(bytesOf(out) / (out.dtype === "bool" ? 16 : 64));
    run2(runtime, kernel, items, COST, pager.address(x.handle), pager.address(y));
    return y;
  };
}

function compile(runtime: Runtime, convert: Conversion, from: DType, to: DType): Kernel {
  return runtime.compile<"kernel">((m) =>
    m.kernel("kernel", { x: I32, y: I32 }, (f, { x, y }, range) =>
      forItems(f, range, (i) =>
        convert(f, x.add(from === "bool" ? i.shrU(2) : i), y.add(to === "bool" ? i.shrU(2) : i)),
      ),
    ),
  ).kernel;
}
