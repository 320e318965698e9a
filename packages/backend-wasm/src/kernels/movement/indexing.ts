import { type Block, bytesPerElement, type Operand, type Shape, type Spec, sizeOf } from "@descent/core";
import { type FunctionBuilder, I32, I32x4 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { bytesOf, type Families } from "../../reference.ts";
import type { Runtime } from "../../runtime.ts";
import { increase } from "../idioms.ts";
import { least, sweep } from "../lanes.ts";
import { lazy } from "../lazy.ts";
import { copyRun, fillRun } from "./runs.ts";
import { ADD } from "./scatter-add.ts";

/** What a kernel does with a run, given its place, what goes there, and bytes. */
type Write = (f: FunctionBuilder, to: I32, from: I32, bytes: I32) => void;

const TAKE = {
  takeRows: copyRun,
  takeWords: (f, to, from) => f.store(to, I32.load(from)),
} satisfies Record<string, Write>;

/** Adds a run. */
const adding =
  (add: (typeof ADD)["float32"]): Write =>
  (f, to, from, bytes) =>
    sweep(f, bytes, 1, (at, _, lanes) =>
      lanes.store(f, to.add(at), add(lanes.load(to.add(at)), lanes.load(from.add(at)))),
    );

const PUT = { put: copyRun, putAddFloat32: adding(ADD.float32), putAddInt32: adding(ADD.int32) };

/** Bytes of the rows of `put` that are an item. */
const BLOCK = 256;

function define(m: KernelModule<"greatest" | keyof typeof TAKE | keyof typeof PUT>): void {
  // The greatest index, where −1 counts as a large one. There is one item.
  m.kernel("greatest", [I32, I32, I32], (f, _, index, count, y) => {
    const most = f.let(f.i32x4(0));
    sweep(f, f.let(count.shl(2)), 1, (at, _, lanes) => most.set(most.maxU(lanes.load(index.add(at)).asI32x4())));
    const halves = f.let(most.maxU(most.shuffle(most, [2, 3, 0, 1])));
    f.store(y, halves.maxU(halves.shuffle(halves, [1, 0, 3, 2])).lane(0));
  });

  // An item is a row of the result: of the `count` that the index names from each of the outer parts, which have `size` rows.
  for (const name of Object.keys(TAKE) as (keyof typeof TAKE)[])
    m.kernel(name, [I32, I32, I32, I32, I32, I32], (f, { begin, end }, x, index, y, count, size, bytes) => {
      const [i, part] = [f.let(begin.remU(count)), f.let(x.add(begin.divU(count).mul(size).mul(bytes)))];
      const to = f.let(y.add(begin.mul(bytes)));
      f.for(begin, end, 1, () => {
        const row = I32.load(index.add(i.shl(2)));
        TAKE[name](f, to, f.let(part.add(row.mul(bytes))), bytes);
        increase(to, bytes);
        increase(i, 1);
        f.if(i.eq(count), () => {
          i.set(I32.const(0));
          increase(part, size.mul(bytes));
        });
      });
    });

  // An item is a block of columns of one of the outer parts, which begins as the base and takes all values in their order.
  const params = [I32, I32, I32, I32, I32, I32, I32, I32, I32, I32] as const;
  for (const name of Object.keys(PUT) as (keyof typeof PUT)[])
    m.kernel(name, params, (f, range, base, isFilled, pattern, index, values, y, count, size, bytes, blocks) =>
      f.for(range.begin, range.end, 1, (item) => {
        const part = f.let(item.divU(blocks));
        const column = f.let(item.remU(blocks).mul(BLOCK));
        const width = f.let(least(f.let(bytes.sub(column)), BLOCK));
        const first = f.let(part.mul(size).mul(bytes).add(column));
        const [to, from] = [f.let(y.add(first)), f.let(base.add(first))];
        const filling = f.let(I32x4.splat(pattern).asF32x4());
        f.for(0, size, 1, () => {
          f.if(
            isFilled,
            () => fillRun(f, to, filling, width),
            () => copyRun(f, to, from, width),
          );
          increase(to, bytes);
          increase(from, bytes);
        });
        const value = f.let(values.add(part.mul(count).mul(bytes)).add(column));
        f.for(0, count, 1, (i) => {
          const row = I32.load(index.add(i.shl(2)));
          PUT[name](f, f.let(y.add(first).add(row.mul(bytes))), value, width);
          increase(value, bytes);
        });
      }),
    );
}

/** The sizes of a tensor before and at an axis, how many indices there are, and bytes behind the axis. */
interface Sizes {
  readonly outer: number;
  readonly size: number;
  readonly count: number;
  readonly bytes: number;
}

/** `take` and `put`. */
export function indexing(runtime: Runtime, reference: Families): Pick<Families, "take" | "put"> {
  const { pager } = runtime;
  const kernels = lazy(() => runtime.compile(define));

  /** Calls `launch` with addresses of operands, of which the index is the last, and of the result; `null` where an index is out of range: the reference says what is wrong. */
  function indexed(
    op: string,
    shape: Shape,
    axis: number,
    operands: readonly (Block | null)[],
    { shape: indices }: Operand<Block>,
    out: Spec,
    launch: (addresses: readonly number[], sizes: Sizes) => void,
  ): Block | null {
    const y = pager.start(op, operands, [bytesOf(out)])[0]!;
    const addresses = operands.map((block) => (block === null ? 0 : pager.address(block)));
    const at = addresses.at(-1)!;
    const to = pager.address(y);
    addresses.push(to);
    const [size, count] = [shape[axis]!, sizeOf(indices)];
    // The result has room for the greatest index meanwhile.
    kernels().greatest.run(0, 1, 0, at, count, to);
    if (count > 0 && runtime.memory.i32[to / 4]! >>> 0 >= size) {
      pager.free(y);
      return null;
    }
    const bytes = sizeOf(shape.slice(axis + 1)) * bytesPerElement(out.dtype);
    launch(addresses, { outer: sizeOf(shape.slice(0, axis)), size, count, bytes });
    return y;
  }

  return {
    take: (x, index, axis, out) =>
      indexed(
        "take",
        x.shape,
        axis,
        [x.handle, index.handle],
        index,
        out,
        (addresses, { outer, size, count, bytes }) => {
          const kernel = kernels()[bytes === 4 ? "takeWords" : "takeRows"];
          const rows = outer * count;
          if (rows > 0) runtime.launch(kernel, rows, 3 + bytes / 16, [...addresses, count, size, bytes]);
        },
      ) ?? reference.take(x, index, axis, out),

    put(mode, base, index, values, axis, out) {
      const { dtype } = out;
      const fills = typeof base === "number";
      const sum = dtype === "float32" ? "putAddFloat32" : dtype === "int32" ? "putAddInt32" : null;
      const name = mode === "add" ? sum : "put";
      const isPossible = name !== null && !(fills && dtype === "float64");
      const y =
        isPossible &&
        indexed(
          "put",
          out.shape,
          axis,
          [fills ? null : base.handle, values.handle, index.handle],
          index,
          out,
          ([from, value, at, to], { outer, size, count, bytes }) => {
            const blocks = Math.ceil(bytes / BLOCK);
            const cost = (size + count) * (3 + Math.min(bytes, BLOCK) / 16);
            const pattern = fills ? patternOf(base, dtype as Exclude<typeof dtype, "float64">) : 0;
            const addresses = [from!, Number(fills), pattern, at!, value!, to!];
            runtime.launch(kernels()[name], outer * blocks, cost, [...addresses, count, size, bytes, blocks]);
          },
        );
      return y || reference.put(mode, base, index, values, axis, out);
    },
  };
}

/** Four bytes of elements that are all `value`. */
function patternOf(value: number, dtype: "float32" | "int32" | "bool"): number {
  if (dtype === "float32") return new Int32Array(Float32Array.of(value).buffer)[0]!;
  return dtype === "bool" ? 0x01010101 * Number(value !== 0) : value;
}
