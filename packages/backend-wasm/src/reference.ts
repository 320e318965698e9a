import { cpu } from "@descent/backend-cpu";
import {
  type Backend,
  type Block,
  bytesPerElement,
  type Operand,
  type Spec,
  sizeOf,
  type TypedArray,
} from "@descent/core";
import type { Runtime } from "./runtime.ts";

type Argument<H> = Operand<H> | number | null;
/** Arguments as the reference backend takes them. */
type Lent<A> = A extends Operand<Block> ? Operand<TypedArray> : A;
type LentAll<A extends readonly Argument<Block>[]> = { [K in keyof A]: Lent<A[K]> };

export const bytesOf = ({ shape, dtype }: Spec): number => sizeOf(shape) * bytesPerElement(dtype);

/** The families of the contract, that is a backend without storage. */
export type Families = Omit<
  Backend<Block>,
  "name" | "dtypes" | "synchronous" | "fused" | "upload" | "download" | "read" | "free"
>;

/** Kernels of composites. */
export type FusedKernels = NonNullable<Backend<Block>["fused"]>;

/** The elements of a tensor as a view of the memory, for as long as nothing is allocated. */
export function viewOf({ memory }: Runtime, { shape, dtype }: Spec, address: number): TypedArray {
  const first = address / bytesPerElement(dtype);
  return memory.view(dtype).subarray(first, first + sizeOf(shape));
}

/**
 * The kernel families as the reference backend computes them, on views of the WebAssembly memory: what there is no kernel for here, above
 * all float64, which is for checking, and what is too rare to be worth one.
 */
export function referenceFamilies(runtime: Runtime): Families {
  const reference = cpu();

  /** Runs a reference kernel on views of the operands and copies what it returns into new blocks. */
  function lendAll<const A extends readonly Argument<Block>[]>(
    op: string,
    args: A,
    out: readonly Spec[],
    kernel: (...args: LentAll<A>) => readonly TypedArray[],
  ): Block[] {
    const blocks = args.flatMap((x) => (typeof x === "object" && x !== null ? [x.handle] : []));
    return runtime.pager.run(op, blocks, out.map(bytesOf), (from, to) => {
      let next = 0;
      const lent = args.map((x) =>
        typeof x === "object" && x !== null ? { ...x, handle: viewOf(runtime, x, from[next++]!) } : x,
      );
      const results = kernel(...(lent as unknown as LentAll<A>));
      for (const [i, address] of to.entries()) viewOf(runtime, out[i]!, address).set(results[i]!);
    });
  }

  function lend<const A extends readonly Argument<Block>[]>(
    op: string,
    args: A,
    out: Spec,
    kernel: (...args: LentAll<A>) => TypedArray,
  ): Block {
    return lendAll(op, args, [out], (...lent) => [kernel(...lent)])[0]!;
  }

  return {
    fill: (value, out) => lend("fill", [], out, () => reference.fill(value, out)),
    cast: (x, out) => lend("cast", [x], out, (x) => reference.cast(x, out)),
    unary: (fn, x, out) => lend(fn, [x], out, (x) => reference.unary(fn, x, out)),
    binary: (fn, a, b, out) => lend(fn, [a, b], out, (a, b) => reference.binary(fn, a, b, out)),
    select: (condition, a, b, out) =>
      lend("select", [condition, a, b], out, (condition, a, b) => reference.select(condition, a, b, out)),
    reduce: (fn, x, axes, out) => lend(fn, [x], out, (x) => reference.reduce(fn, x, axes, out)),
    argReduce: (fn, x, axis, out) => lend(fn, [x], out, (x) => reference.argReduce(fn, x, axis, out)),
    matmul: (a, b, transposeA, transposeB, out) =>
      lend("matmul", [a, b], out, (a, b) => reference.matmul(a, b, transposeA, transposeB, out)),
    gatherView: (x, view, out) => lend("gatherView", [x], out, (x) => reference.gatherView(x, view, out)),
    scatterView: (x, view, out) => lend("scatterView", [x], out, (x) => reference.scatterView(x, view, out)),
    take: (x, index, axis, out) => lend("take", [x, index], out, (x, index) => reference.take(x, index, axis, out)),
    put: (mode, base, index, values, axis, out) =>
      lend("put", [base, index, values], out, (base, index, values) =>
        reference.put(mode, base, index, values, axis, out),
      ),
    sort(x, axis, descending) {
      const out = [x, { shape: x.shape, dtype: "int32" }] as const;
      const [values, indices] = lendAll("sort", [x], out, (x) => reference.sort(x, axis, descending));
      return [values!, indices!];
    },
    scan: (fn, x, axis, reverse, out) => lend("scan", [x], out, (x) => reference.scan(fn, x, axis, reverse, out)),
    concat: (xs, axis, out) => lend("concat", xs, out, (...xs) => reference.concat(xs, axis, out)),
  };
}
