import { cpu } from "@descent/backend-cpu";
import {
  type Backend,
  type Block,
  bytesPerElement,
  DTYPES,
  type FusedKernel,
  type Operand,
  type PagedMemory,
  Pager,
  type PagerOptions,
  type Spec,
  sizeOf,
  type TypedArray,
} from "@descent/core";

/** A backend whose storages move between its own memory and the host. */
export interface PagedBackend extends Backend<Block> {
  readonly pager: Pager;
}

export interface PagedBackendOptions extends PagerOptions {
  /** Kernels over views of the device memory, which they may also write. */
  readonly fused?: Backend<TypedArray>["fused"];
}

type Argument<H> = Operand<H> | number | null;
/** Arguments as the reference backend takes them. */
type Lent<A> = A extends Operand<Block> ? Operand<TypedArray> : A;
type LentAll<A extends readonly Argument<Block>[]> = { [K in keyof A]: Lent<A[K]> };

const ARRAYS = { bool: Uint8Array, int32: Int32Array, float32: Float32Array, float64: Float64Array };
const POISON = 0xdb;

const isOperand = <H>(arg: Argument<H>): arg is Operand<H> => typeof arg === "object" && arg !== null;
const bytesOf = ({ shape, dtype }: Spec): number => sizeOf(shape) * bytesPerElement(dtype);

/** Device memory that grows by moving away. What was evicted or left behind is poisoned, so that reading it shows. */
class Arena implements PagedMemory {
  #bytes = new Uint8Array(0);

  copyOut(address: number, bytes: number): Uint8Array {
    const host = this.#bytes.slice(address, address + bytes);
    this.poison(address, bytes);
    return host;
  }

  copyIn(address: number, host: Uint8Array): void {
    this.#bytes.set(host, address);
  }

  grow(end: number): boolean {
    const left = this.#bytes;
    if (end <= left.length) return true;
    this.#bytes = new Uint8Array(Math.max(end, 2 * left.length));
    this.#bytes.set(left);
    left.fill(POISON);
    return true;
  }

  poison(address: number, bytes: number): void {
    this.#bytes.fill(POISON, address, address + bytes);
  }

  view({ shape, dtype }: Spec, address: number): TypedArray {
    return new ARRAYS[dtype](this.#bytes.buffer, address, sizeOf(shape));
  }
}

/** A backend with memory of its own, whose kernels are the reference's: with a small budget every op runs through eviction. */
export function pagedBackend({ fused = {}, ...options }: PagedBackendOptions = {}): PagedBackend {
  const reference = cpu();
  const arena = new Arena();
  const pager = new Pager(arena, options);

  /** Runs a reference kernel on views of the operands and copies what it returns into new blocks. */
  function lendAll<const A extends readonly Argument<Block>[]>(
    op: string,
    args: A,
    out: readonly Spec[],
    kernel: (...args: LentAll<A>) => readonly TypedArray[],
  ): readonly Block[] {
    const blocks = args.filter(isOperand).map((x) => x.handle);
    return pager.run(op, blocks, out.map(bytesOf), (from, to) => {
      for (const [i, address] of to.entries()) arena.poison(address, bytesOf(out[i]!));
      let next = 0;
      const lent = args.map((arg) =>
        isOperand(arg) ? { shape: arg.shape, dtype: arg.dtype, handle: arena.view(arg, from[next++]!) } : arg,
      );
      const results = kernel(...(lent as unknown as LentAll<A>));
      for (const [i, address] of to.entries()) arena.view(out[i]!, address).set(results[i]!);
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

  const backend: PagedBackend = {
    name: "paged",
    dtypes: DTYPES,
    synchronous: true,
    pager,
    fused: Object.fromEntries(
      Object.entries(fused).map(([name, kernel]): [string, FusedKernel<Block>] => [
        name,
        (operands, attrs, out) => lendAll(name, operands, out, (...operands) => kernel(operands, attrs, out)!),
      ]),
    ),

    upload: (values, spec) => lend("upload", [], spec, () => values),
    download(x) {
      pager.begin("download");
      pager.use(x.handle);
      return arena.view(x, pager.address(x.handle)).slice();
    },
    read: async (x) => backend.download(x),
    free(block) {
      if (pager.isResident(block)) {
        pager.begin("free");
        pager.use(block);
        arena.poison(pager.address(block), block.bytes);
      }
      pager.free(block);
    },

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
  return backend;
}
