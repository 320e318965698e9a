import { F32x4, type FunctionBuilder, I8x16, I32, I32x4, type Var } from "../../assembler/index.ts";
import type { Kernel, Runtime } from "../../runtime.ts";
import type { Lanewise, Logic } from "./binary-functions.ts";
import { forItems, toBools, VECTORS } from "./items.ts";

/** Four lanes of the second operand, `offset` bytes after where the first one is read. */
type Second = (offset: number) => F32x4;

/** The results of sixteen elements. */
function storeSixteen(f: FunctionBuilder, fn: Lanewise, a: I32, b: Second, y: I32): void {
  const operands = VECTORS.map((at) => [f.let(F32x4.load(a, at)), f.let(b(at))] as const);
  if (fn.result === "bools") f.store(y, toBools(operands.map(([a, b]) => fn.of(a, b))));
  else for (const [i, [a, b]] of operands.entries()) f.store(y, fn.of(a, b), VECTORS[i]);
}

/** The results of four elements. */
function storeFour(f: FunctionBuilder, fn: Lanewise, a: I32, b: Second, y: I32): void {
  const [p, q] = [f.let(F32x4.load(a)), f.let(b(0))];
  if (fn.result === "bools") {
    const mask = f.let(fn.of(p, q));
    f.store(y, toBools([mask, mask, mask, mask]).asI32x4().lane(0));
  } else f.store(y, fn.of(p, q));
}

/** The result of one element; `b` gives it in its first lane. */
function storeOne(f: FunctionBuilder, fn: Lanewise, a: I32, b: F32x4, y: I32): void {
  const [p, q] = [f.let(F32x4.loadOne(a)), f.let(b)];
  if (fn.result === "lanes") f.store(y, fn.of(p, q).lane(0));
  else f.store8(y, fn.of(p, q).lane(0).and(1));
}

/** Where a byte offset among 32-bit elements lies in the result. */
const offsetIn = ({ result }: Lanewise, i: I32): I32 => i.shrU(result === "bools" ? 2 : 0);

const PARAMETERS = { a: I32, b: I32, y: I32 } as const;

/** The first operand has the shape of the result; so has the second one, or it is one element, of which the kernel gets the bits. */
export const evenKernel = (runtime: Runtime, fn: Lanewise, isScalar: boolean): Kernel =>
  runtime.kernel(PARAMETERS, (f, { a, b, y }, range) => {
    const splat = isScalar ? f.let(I32x4.splat(b).asF32x4()) : null;
    forItems(f, range, (i) => {
      const second: Second = (at) => splat ?? F32x4.load(b.add(i), at);
      storeSixteen(f, fn, a.add(i), second, y.add(offsetIn(fn, i)));
    });
  });

/** The same of bools, 64 of them in an item. */
export const logicKernel = (runtime: Runtime, fn: Logic, isScalar: boolean): Kernel =>
  runtime.kernel(PARAMETERS, (f, { a, b, y }, range) => {
    const splat = isScalar ? f.let(I8x16.splat(b)) : null;
    forItems(f, range, (i) => {
      for (const at of VECTORS) f.store(y.add(i), fn(I8x16.load(a.add(i), at), splat ?? I8x16.load(b.add(i), at)), at);
    });
  });

/** What a kernel by rows is given: besides addresses the elements of a row, and how the rows lie. */
const ROWS = {
  a: I32,
  b: I32,
  y: I32,
  length: I32,
  // The sizes of the inner two of three axes of rows, and the bytes from one row to the next along each, the innermost first.
  size0: I32,
  size1: I32,
  a0: I32,
  a1: I32,
  a2: I32,
  b0: I32,
  b1: I32,
  b2: I32,
} as const;

/** Items are rows, in which the second operand moves on (`moves`) or is one element. */
export const rowsKernel = (runtime: Runtime, fn: Lanewise, moves: boolean): Kernel =>
  runtime.kernel(ROWS, (f, { a, b, y, length, size0, size1, ...strides }, { begin, end }) => {
    const bytes = f.let(length.shl(2));
    const rowBytes = f.let(offsetIn(fn, bytes));
    const [sixteens, fours] = [f.let(bytes.and(-64)), f.let(bytes.and(-16))];

    // Where the first row of the range lies.
    const index0 = f.let(begin.remU(size0));
    const outer = f.let(begin.divU(size0));
    const index1 = f.let(outer.remU(size1));
    const index2 = f.let(outer.divU(size1));
    y.set(y.add(begin.mul(rowBytes)));
    for (const [p, s0, s1, s2] of [
      [a, strides.a0, strides.a1, strides.a2],
      [b, strides.b0, strides.b1, strides.b2],
    ] as const) {
      p.set(p.add(index0.mul(s0)).add(index1.mul(s1)).add(index2.mul(s2)));
      // From the end of an axis back to its beginning, and on along the next one.
      s2.set(s2.sub(size1.mul(s1)));
      s1.set(s1.sub(size0.mul(s0)));
    }

    f.for(begin, end, 1, () => {
      const splat = moves ? null : f.let(F32x4.loadSplat(b));
      const second =
        (i: I32): Second =>
        (at) =>
          splat ?? F32x4.load(b.add(i), at);
      const to = (i: I32): I32 => y.add(offsetIn(fn, i));
      f.for(0, sixteens, 64, (i) => storeSixteen(f, fn, a.add(i), second(i), to(i)));
      f.for(sixteens, fours, 16, (i) => storeFour(f, fn, a.add(i), second(i), to(i)));
      f.for(fours, bytes, 4, (i) => storeOne(f, fn, a.add(i), splat ?? F32x4.loadOne(b.add(i)), to(i)));

      y.set(y.add(rowBytes));
      const move = (da: I32, db: I32): void => {
        a.set(a.add(da));
        b.set(b.add(db));
      };
      /** Counts rows along an axis, and at its end goes `on` along the next one. */
      const count = (index: Var<I32>, size: I32, on: () => void): void => {
        index.set(index.add(1));
        f.if(index.eq(size), () => {
          index.set(I32.const(0));
          on();
        });
      };
      move(strides.a0, strides.b0);
      count(index0, size0, () => {
        move(strides.a1, strides.b1);
        count(index1, size1, () => move(strides.a2, strides.b2));
      });
    });
  });
