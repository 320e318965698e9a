import type { Block, Operand, Spec } from "@descent/core";
import { F32, F32x4, type FunctionBuilder, I32, I32x4, type Var } from "../assembler/index.ts";
import { bytesOf, type FusedKernels } from "../reference.ts";
import type { Kernel, Runtime } from "../runtime.ts";
import { forItems, itemsOf } from "./elementwise/items.ts";
import { lazy } from "./lazy.ts";

/** Nanoseconds of sixteen elements. */
const COST = 20;
const TWO_32 = 2 ** 32;
const ROTATIONS = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const;

/** Zeroes elements where the generator says so, with the stream of numbers of core's `threefry`. */
export function dropout(runtime: Runtime): FusedKernels {
  const kernel = lazy(() => compile(runtime));
  return {
    dropout(operands: readonly (Operand<Block> | number | null)[], _attrs: unknown, [out]: readonly Spec[]) {
      const [x, p, key0, key1, counter] = operands as [Operand<Block>, number, number, number, number];
      if (x.dtype !== "float32") return null;
      const { pager } = runtime;
      pager.begin("dropout");
      pager.use(x.handle);
      const y = pager.allocate(bytesOf(out!));
      const integers = [
        pager.address(x.handle),
        pager.address(y),
        key0,
        key1,
        counter % TWO_32,
        Math.floor(counter / TWO_32),
        // A word is kept where its upper 24 bits, as a fraction, are not below p.
        Math.ceil(p * 2 ** 24),
      ];
      runtime.launch(kernel(), itemsOf(x), COST, integers, [1 / (1 - p)]);
      return [y];
    },
  };
}

const compile = (runtime: Runtime): Kernel =>
  runtime.kernel(
    { x: I32, y: I32, key0: I32, key1: I32, low: I32, high: I32, threshold: I32, scale: F32 },
    (f, { x, y, key0, key1, low, high, threshold, scale }, range) => {
      const splat = (value: I32): I32x4 => f.let(I32x4.splat(value));
      const keys = [splat(key0), splat(key1), splat(key0.xor(key1).xor(0x1bd11bda))];
      const [lows, highs, least] = [splat(low), splat(high), splat(threshold)];
      const scales = f.let(F32x4.splat(scale).asI32x4());
      const numbers = f.let(zeroToThree(f));
      // Sixteen elements take two times four blocks of two words.
      forItems(f, range, (i) => {
        const first = f.let(i.shrU(3));
        for (const half of [0, 1]) {
          const block = f.let(I32x4.splat(first.add(4 * half)).add(numbers));
          const [a, b] = threefry(f, keys, lows, highs, block);
          const pairs = [a.shuffle(b, [0, 4, 1, 5]), a.shuffle(b, [2, 6, 3, 7])];
          for (const [j, words] of pairs.entries()) {
            const at = 32 * half + 16 * j;
            const mask = words.shrU(8).geS(least).and(scales).asF32x4();
            f.store(y.add(i), F32x4.load(x.add(i), at).mul(mask), at);
          }
        }
      });
    },
  );

/** 0, 1, 2, 3. */
const zeroToThree = (f: FunctionBuilder): I32x4 =>
  f
    .i32x4(0)
    .shuffle(f.i32x4(1), [0, 4, 0, 4])
    .add(f.i32x4(0).shuffle(f.i32x4(2), [0, 1, 4, 5]));

/** The words of four blocks, given how far they are from the counter; Threefry-2×32 with 20 rounds, as in core/src/threefry.ts. */
function threefry(
  f: FunctionBuilder,
  keys: readonly I32x4[],
  low: I32x4,
  high: I32x4,
  block: I32x4,
): [a: Var<I32x4>, b: Var<I32x4>] {
  const a = f.let(low.add(block));
  // Where the lower word came around, and so is below what was added (unsigned), there is one to carry.
  const sign = f.i32x4(-(2 ** 31));
  const b = f.let(high.sub(a.xor(sign).ltS(low.xor(sign))));
  a.set(a.add(keys[0]!));
  b.set(b.add(keys[1]!));
  for (let group = 0; group < 5; group++) {
    for (const by of ROTATIONS[group & 1]!) {
      a.set(a.add(b));
      b.set(
        b
          .shl(by)
          .or(b.shrU(32 - by))
          .xor(a),
      );
    }
    a.set(a.add(keys[(group + 1) % 3]!));
    b.set(b.add(keys[(group + 2) % 3]!).add(f.i32x4(group + 1)));
  }
  return [a, b];
}
