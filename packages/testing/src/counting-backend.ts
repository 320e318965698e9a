import { cpu } from "@descent/backend-cpu";
import type { Backend, TypedArray } from "@descent/core";

/** A backend that knows what is alive on it. */
export interface CountingBackend extends Backend<TypedArray> {
  /** Bytes of the handles that were made and not freed. */
  readonly liveBytes: number;
  /** The most that were alive at once since `resetPeak`. */
  readonly peakBytes: number;
  resetPeak(): void;
}

/** The reference backend with its books kept: freeing twice or what is not its own throws. */
export function countingBackend(): CountingBackend {
  const inner = cpu();
  const alive = new Set<TypedArray>();
  let bytes = 0;
  let peak = 0;
  const count = (handle: TypedArray): TypedArray => {
    alive.add(handle);
    bytes += handle.byteLength;
    peak = Math.max(peak, bytes);
    return handle;
  };
  const counted =
    <A extends unknown[]>(kernel: (...args: A) => TypedArray) =>
    (...args: A): TypedArray =>
      count(kernel(...args));

  return {
    ...inner,
    name: "counting",
    upload: counted(inner.upload),
    fill: counted(inner.fill),
    cast: counted(inner.cast),
    unary: counted(inner.unary),
    binary: counted(inner.binary),
    select: counted(inner.select),
    reduce: counted(inner.reduce),
    argReduce: counted(inner.argReduce),
    matmul: counted(inner.matmul),
    gatherView: counted(inner.gatherView),
    scatterView: counted(inner.scatterView),
    take: counted(inner.take),
    put: counted(inner.put),
    scan: counted(inner.scan),
    concat: counted(inner.concat),
    sort: (x, axis, descending) => {
      const [values, indices] = inner.sort(x, axis, descending);
      return [count(values), count(indices)];
    },
    free: (handle) => {
      if (!alive.delete(handle)) throw new Error("a handle was freed twice, or is not of this backend");
      bytes -= handle.byteLength;
    },
    get liveBytes() {
      return bytes;
    },
    get peakBytes() {
      return peak;
    },
    resetPeak() {
      peak = bytes;
    },
  };
}
