import { bytesPerElement, type Shape, sizeOf } from "@descent/core";
import { F32, F32x4, type FunctionBuilder, I32, I32x4 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { bytesOf, type Families } from "../../reference.ts";
import type { Kernel, Runtime } from "../../runtime.ts";
import { copyRun, fillRun, least } from "./runs.ts";

type IndexingName = "greatest" | "takeRows" | "takeWords" | `put${"Set" | "AddFloat32" | "AddInt32"}`;

/** Bytes of the rows of `put` that are an item. */
const BLOCK = 256;

function define(m: KernelModule<IndexingName>): void {
  // The greatest index, where −1 counts as a large one. There is one item.
  m.kernel("greatest", { index: I32, count: I32, y: I32 }, (f, { index, count, y }) => {
    const most = f.let(f.i32x4(0));
    const whole = f.let(count.and(-4));
    f.for(0, whole, 4, (i) => most.set(most.maxU(I32x4.load(index.add(i.shl(2))))));
    f.for(whole, count, 1, (i) => most.set(most.maxU(I32x4.splat(I32.load(index.add(i.shl(2)))))));
    const halves = f.let(most.maxU(most.shuffle(most, [2, 3, 0, 1])));
    f.store(y, halves.maxU(halves.shuffle(halves, [1, 0, 3, 2])).lane(0));
  });

  // An item is a row of the result: of the `count` that the index names from each of the outer parts, which have `size` rows.
  const take = (name: "takeRows" | "takeWords", copy: (f: FunctionBuilder, to: I32, from: I32, bytes: I32) => void) =>
    m.kernel(
      name,
      { x: I32, index: I32, y: I32, count: I32, size: I32, bytes: I32 },
      (f, { x, index, y, count, size, bytes }, { begin, end }) => {
        const [m, part] = [f.let(begin.remU(count)), f.let(x.add(begin.divU(count).mul(size).mul(bytes)))];
        const to = f.let(y.add(begin.mul(bytes)));
        f.for(begin, end, 1, () => {
          const row = I32.load(index.add(m.shl(2)));
          copy(f, to, f.let(part.add(row.mul(bytes))), bytes);
          to.set(to.add(bytes));
          m.set(m.add(1));
          f.if(m.eq(count), () => {
            m.set(I32.const(0));
            part.set(part.add(size.mul(bytes)));
          });
        });
      },
    );
  take("takeRows", copyRun);
  take("takeWords", (f, to, from) => f.store(to, I32.load(from)));

  // An item is a block of columns of one of the outer parts, which begins as the base and takes all values in their order.
  const put = (name: IndexingName, write: (f: FunctionBuilder, to: I32, from: I32, bytes: I32) => void): void =>
    m.kernel(
      name,
      {
        ...{ base: I32, isFilled: I32, pattern: I32, index: I32, values: I32, y: I32 },
        ...{ count: I32, size: I32, bytes: I32, blocks: I32 },
      },
      (f, { base, isFilled, pattern, index, values, y, count, size, bytes, blocks }, { begin, end }) =>
        f.for(begin, end, 1, (item) => {
          const part = f.let(item.divU(blocks));
          const column = f.let(item.remU(blocks).mul(BLOCK));
          const width = f.let(least(f.let(bytes.sub(column)), I32.const(BLOCK)));
          const first = f.let(part.mul(size).mul(bytes).add(column));
          const [to, from] = [f.let(y.add(first)), f.let(base.add(first))];
          const filling = f.let(I32x4.splat(pattern).asF32x4());
          f.for(0, size, 1, () => {
            f.if(
              isFilled,
              () => fillRun(f, to, filling, width),
              () => copyRun(f, to, from, width),
            );
            to.set(to.add(bytes));
            from.set(from.add(bytes));
          });
          const value = f.let(values.add(part.mul(count).mul(bytes)).add(column));
          f.for(0, count, 1, (m) => {
            const row = I32.load(index.add(m.shl(2)));
            write(f, f.let(y.add(first).add(row.mul(bytes))), value, width);
            value.set(value.add(bytes));
          });
        }),
    );
  put("putSet", copyRun);
  put("putAddFloat32", (f, to, from, bytes) => {
    const whole = f.let(bytes.and(-16));
    f.for(0, whole, 16, (i) => f.store(to.add(i), F32x4.load(to.add(i)).add(F32x4.load(from.add(i)))));
    f.for(whole, bytes, 4, (i) => f.store(to.add(i), F32.load(to.add(i)).add(F32.load(from.add(i)))));
  });
  put("putAddInt32", (f, to, from, bytes) => {
    const whole = f.let(bytes.and(-16));
    f.for(0, whole, 16, (i) => f.store(to.add(i), I32x4.load(to.add(i)).add(I32x4.load(from.add(i)))));
    f.for(whole, bytes, 4, (i) => f.store(to.add(i), I32.load(to.add(i)).add(I32.load(from.add(i)))));
  });
}

/** `take` and `put`. */
export function indexing(runtime: Runtime, reference: Families): Pick<Families, "take" | "put"> {
  const { pager } = runtime;
  let compiled: Record<IndexingName, Kernel> | null = null;
  const kernels = (): Record<IndexingName, Kernel> => (compiled ??= runtime.compile(define));

  /** Whether all `count` elements of an index lie below `size`; overwrites the word at `word`. */
  const isInRange = (index: number, count: number, size: number, word: number): boolean => {
    kernels().greatest.run(0, 1, 0, index, count, word);
    return count === 0 || runtime.memory.i32[word / 4]! >>> 0 < size;
  };

  return {
    take(x, index, axis, out) {
      pager.begin("take");
      pager.use(x.handle);
      pager.use(index.handle);
      const y = pager.allocate(bytesOf(out));
      const { outer, size, inner } = splitAt(x.shape, axis);
      const count = sizeOf(index.shape);
      const bytes = inner * bytesPerElement(out.dtype);
      const [from, at, to] = [pager.address(x.handle), pager.address(index.handle), pager.address(y)];
      if (!isInRange(at, count, size, to)) {
        pager.free(y);
        return reference.take(x, index, axis, out); // which says what is wrong
      }
      const kernel = kernels()[bytes === 4 ? "takeWords" : "takeRows"];
      const rows = outer * count;
      if (rows > 0) runtime.launch(kernel, rows, 3 + bytes / 16, [from, at, to, count, size, bytes]);
      return y;
    },

    put(mode, base, index, values, axis, out) {
      const { dtype } = out;
      const isAdd = mode === "add";
      const fills = typeof base === "number";
      const isNumeric = dtype === "float32" || dtype === "int32";
      if ((isAdd && !isNumeric) || (fills && dtype === "float64"))
        return reference.put(mode, base, index, values, axis, out);
      pager.begin("put");
      if (!fills) pager.use(base.handle);
      pager.use(index.handle);
      pager.use(values.handle);
      const y = pager.allocate(bytesOf(out));
      const { outer, size, inner } = splitAt(out.shape, axis);
      const count = sizeOf(index.shape);
      const bytes = inner * bytesPerElement(dtype);
      const [at, to] = [pager.address(index.handle), pager.address(y)];
      if (!isInRange(at, count, size, to)) {
        pager.free(y);
        return reference.put(mode, base, index, values, axis, out);
      }
      const blocks = Math.ceil(bytes / BLOCK);
      const kernel = kernels()[isAdd ? (dtype === "float32" ? "putAddFloat32" : "putAddInt32") : "putSet"];
      runtime.launch(kernel, outer * blocks, (size + count) * (3 + Math.min(bytes, BLOCK) / 16), [
        fills ? 0 : pager.address(base.handle),
        Number(fills),
        fills ? patternOf(base, dtype) : 0,
        at,
        pager.address(values.handle),
        to,
        ...[count, size, bytes, blocks],
      ]);
      return y;
    },
  };
}

/** Four bytes of elements that are all `value`. */
function patternOf(value: number, dtype: "float32" | "int32" | "bool" | "float64"): number {
  if (dtype === "float32") return new Int32Array(Float32Array.of(value).buffer)[0]!;
  return dtype === "bool" ? 0x01010101 * Number(value !== 0) : value;
}

/** The sizes before, at and behind an axis. */
function splitAt(shape: Shape, axis: number): { outer: number; size: number; inner: number } {
  return { outer: sizeOf(shape.slice(0, axis)), size: shape[axis]!, inner: sizeOf(shape.slice(axis + 1)) };
}
