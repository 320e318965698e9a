import type { Backend } from "../backend.ts";
import { DTYPES, type DType, isFloat, toFloat } from "../dtype.ts";
import { BackendError, DTypeError } from "../errors.ts";
import { type Op, primitive } from "../op.ts";
import type { Tensor } from "../tensor.ts";

function checkSupport({ name, dtypes }: Backend, dtype: DType): void {
  if (!dtypes.includes(dtype))
    throw new DTypeError("to", `backend "${name}" has no ${dtype}`, `use one of ${dtypes.join(", ")}`);
}

const castOp: Op<[x: Tensor], DType> = primitive({
  name: "cast",
  shape: ([x]) => x,
  dtype: (_, dtype) => dtype,
  kernel: (backend, [x], dtype, [out]) => {
    checkSupport(backend, dtype);
    return [backend.cast(x, out!)];
  },
  vjp: [(g, { specs, attrs }) => (isFloat(attrs) ? cast(g, specs[0]!.dtype) : null)],
});

/** `x` with elements of another dtype: towards zero to int32, `≠ 0` to bool. `x` itself where it has that dtype. */
export const cast = (x: Tensor, dtype: DType): Tensor => (x.dtype === dtype ? x : castOp([x], dtype));

/** `x`, of which bool counts as int32. */
export const asNumber = (x: Tensor): Tensor => (x.dtype === "bool" ? cast(x, "int32") : x);

/** `x` in the floating type in which functions of it are computed. */
export const asFloat = (x: Tensor): Tensor => cast(x, toFloat(x.dtype));

const transfer: Op<[x: Tensor], { from: Backend; to: Backend }> = primitive({
  name: "transfer",
  shape: ([x]) => x,
  kernel: (from, [x], { to }, [out]) => {
    if (!from.synchronous)
      throw new BackendError("to", `backend "${from.name}" computes asynchronously`, "make a tensor from await data()");
    checkSupport(to, x.dtype);
    return [to.upload(from.download(x), out!)];
  },
  target: ({ to }) => to,
  vjp: [(g, { attrs: { from, to } }) => transfer([g], { from: to, to: from })],
});

/** `x` with another dtype or on another backend; `x` itself where nothing changes. Differentiable. */
export function to(x: Tensor, target: DType | Backend): Tensor {
  if (typeof target !== "string") return x.backend === target ? x : transfer([x], { from: x.backend, to: target });
  if (!DTYPES.includes(target))
    throw new DTypeError("to", `unknown dtype "${target}"`, `use one of ${DTYPES.join(", ")}`);
  return cast(x, target);
}
