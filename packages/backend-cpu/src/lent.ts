import {
  type Backend,
  type Block,
  bytesPerElement,
  type Operand,
  type Pager,
  type Spec,
  sizeOf,
  type TypedArray,
} from "@descent/core";
import { cpu } from "./cpu.ts";

type Argument<H> = Operand<H> | number | null;
/** Arguments as the reference backend takes them. */
type Lent<A> = A extends Operand<Block> ? Operand<TypedArray> : A;
type LentAll<A extends readonly Argument<Block>[]> = { [K in keyof A]: Lent<A[K]> };

/** The families of the contract, that is a backend without storage. */
export type Families<H> = Omit<
  Backend<H>,
  "name" | "dtypes" | "synchronous" | "fused" | "upload" | "download" | "read" | "free"
>;

/** Memory that a pager divides, and that JavaScript can look into. */
export interface VisibleMemory {
  readonly pager: Pager;
  /** The elements of a tensor as a view of the memory, for as long as nothing is allocated. */
  view(spec: Spec, address: number): TypedArray;
}

const bytesOf = ({ shape, dtype }: Spec): number => sizeOf(shape) * bytesPerElement(dtype);
const isOperand = <H>(x: Argument<H>): x is Operand<H> => typeof x === "object" && x !== null;

/** Runs a kernel of typed arrays on views of blocks, and copies what it returns into new ones. */
export function lend<const A extends readonly Argument<Block>[]>(
  { pager, view }: VisibleMemory,
  op: string,
  args: A,
  out: readonly Spec[],
  kernel: (...args: LentAll<A>) => readonly TypedArray[],
): Block[] {
  const blocks = args.filter(isOperand).map((x) => x.handle);
  return pager.run(op, blocks, out.map(bytesOf), (from, to) => {
    let next = 0;
    const lent = args.map((x) =>
      isOperand(x) ? { shape: x.shape, dtype: x.dtype, handle: view(x, from[next++]!) } : x,
    );
    const results = kernel(...(lent as unknown as LentAll<A>));
    for (const [i, address] of to.entries()) view(out[i]!, address).set(results[i]!);
  });
}

/** The kernel families as the reference backend computes them, for a backend whose memory a pager divides. */
export function lentFamilies(memory: VisibleMemory): Families<Block> {
  const reference = cpu();

  function lendOne<const A extends readonly Argument<Block>[]>(
    op: string,
    args: A,
    out: Spec,
    kernel: (...args: LentAll<A>) => TypedArray,
  ): Block {
    return lend(memory, op, args, [out], (...lent) => [kernel(...lent)])[0]!;
  }

  return {
    fill: (value, out) => lendOne("fill", [], out, () => reference.fill(value, out)),
    cast: (x, out) => lendOne("cast", [x], out, (x) => reference.cast(x, out)),
    unary: (fn, x, out) => lendOne(fn, [x], out, (x) => reference.unary(fn, x, out)),
    binary: (fn, a, b, out) => lendOne(fn, [a, b], out, (a, b) => reference.binary(fn, a, b, out)),
    select: (condition, a, b, out) =>
      lendOne("select", [condition, a, b], out, (condition, a, b) => reference.select(condition, a, b, out)),
    reduce: (fn, x, axes, out) => lendOne(fn, [x], out, (x) => reference.reduce(fn, x, axes, out)),
    argReduce: (fn, x, axis, out) => lendOne(fn, [x], out, (x) => reference.argReduce(fn, x, axis, out)),
    matmul: (a, b, transposeA, transposeB, out) =>
      lendOne("matmul", [a, b], out, (a, b) => reference.matmul(a, b, transposeA, transposeB, out)),
    gatherView: (x, view, out) => lendOne("gatherView", [x], out, (x) => reference.gatherView(x, view, out)),
    scatterView: (x, view, out) => lendOne("scatterView", [x], out, (x) => reference.scatterView(x, view, out)),
    take: (x, index, axis, out) => lendOne("take", [x, index], out, (x, index) => reference.take(x, index, axis, out)),
    put: (mode, base, index, values, axis, out) =>
      lendOne("put", [base, index, values], out, (base, index, values) =>
        reference.put(mode, base, index, values, axis, out),
      ),
    sort(x, axis, descending) {
      const out = [x, { shape: x.shape, dtype: "int32" }] as const;
      const [values, indices] = lend(memory, "sort", [x], out, (x) => reference.sort(x, axis, descending));
      return [values!, indices!];
    },
    scan: (fn, x, axis, reverse, out) => lendOne("scan", [x], out, (x) => reference.scan(fn, x, axis, reverse, out)),
    concat: (xs, axis, out) => lendOne("concat", xs, out, (...xs) => reference.concat(xs, axis, out)),
  };
}
