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

/** Arguments as the reference backend takes them. */
type Lent<A> = A extends Operand<Block> ? Operand<TypedArray> : A;
type LentAll<A extends readonly unknown[]> = { [K in keyof A]: Lent<A[K]> };

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
const isOperand = (x: unknown): x is Operand<Block> => typeof x === "object" && x !== null && "handle" in x;

/** Runs a kernel of typed arrays on views of blocks, and copies what it returns into new ones. */
export function lend<const A extends readonly unknown[]>(
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

  /** A family whose last argument describes its result, and whose first one may name the op. */
  const lent = <F extends keyof Families<Block>>(family: F, isNamed = false): Families<Block>[F] => {
    const kernel = reference[family] as (...args: readonly unknown[]) => TypedArray;
    const compute = (...args: readonly unknown[]): Block => {
      const [op, out] = [isNamed ? (args[0] as string) : family, args.at(-1) as Spec];
      return lend(memory, op, args, [out], (...lent) => [kernel(...lent)])[0]!;
    };
    return compute as Families<Block>[F];
  };

  return {
    fill: lent("fill"),
    cast: lent("cast"),
    unary: lent("unary", true),
    binary: lent("binary", true),
    select: lent("select"),
    reduce: lent("reduce", true),
    argReduce: lent("argReduce", true),
    matmul: lent("matmul"),
    gatherView: lent("gatherView"),
    scatterView: lent("scatterView"),
    take: lent("take"),
    put: lent("put"),
    sort(x, axis, descending) {
      const out = [x, { shape: x.shape, dtype: "int32" }] as const;
      const [values, indices] = lend(memory, "sort", [x], out, (x) => reference.sort(x, axis, descending));
      return [values!, indices!];
    },
    scan: lent("scan", true),
    concat: (xs, axis, out) => lend(memory, "concat", xs, [out], (...xs) => [reference.concat(xs, axis, out)])[0]!,
  };
}
