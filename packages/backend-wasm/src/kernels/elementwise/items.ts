import { type DType, type Spec, sizeOf } from "@descent/core";
import type { FunctionBuilder, I8x16, I32, I32x4 } from "../../assembler/index.ts";
import type { Range } from "../../kernel-module.ts";
import type { Kernel, Runtime } from "../../runtime.ts";

/** Where the vectors of an item begin, in bytes. */
export const VECTORS = [0, 16, 32, 48] as const;

/**
 * The items of an operand: a cache line of 64 bytes is one, which is 16 elements, or 64 bools. Blocks end with a line, so there are no
 * remainders.
 */
export const itemsOf = ({ shape, dtype }: Spec): number => Math.ceil(sizeOf(shape) / (dtype === "bool" ? 64 : 16));

/** Calls `body` with where each item of the range begins, in bytes: not `for`, because tensors may have 2³¹ of them. */
export function forItems(f: FunctionBuilder, { begin, end }: Range, body: (i: I32) => void): void {
  f.if(begin.ltS(end), () => {
    const [i, last] = [f.let(begin.shl(6)), f.let(end.shl(6))];
    f.loop((again) => {
      body(i);
      i.set(i.add(64));
      again(i.ne(last));
    });
  });
}

/** The masks of four vectors as sixteen bools. */
export const toBools = ([a, b, c, d]: readonly I32x4[]): I8x16 => a!.narrow(b!).narrow(c!.narrow(d!)).neg();

/** Sixteen bools as the masks of four vectors. */
export function toMasks(f: FunctionBuilder, bools: I8x16): I32x4[] {
  const masks = f.let(bools.neg());
  const [low, high] = [f.let(masks.extendLow()), f.let(masks.extendHigh())];
  return [low.extendLow(), low.extendHigh(), high.extendLow(), high.extendHigh()];
}

// What follows is called for every op of every size, and arrays would cost more than the work on a few elements.

/** Runs a kernel with two parameters over items of about `cost` nanoseconds. */
export function run2(runtime: Runtime, kernel: Kernel, items: number, cost: number, p: number, q: number): void {
  if (runtime.isWorthSharing(items, cost)) runtime.launch(kernel, items, cost, [p, q]);
  else kernel.run(0, items, 0, p, q);
}

/** The same with three parameters. */
export function run3(
  runtime: Runtime,
  kernel: Kernel,
  items: number,
  cost: number,
  p: number,
  q: number,
  r: number,
): void {
  if (runtime.isWorthSharing(items, cost)) runtime.launch(kernel, items, cost, [p, q, r]);
  else kernel.run(0, items, 0, p, q, r);
}

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

/** The bits of a float32. */
export function bitsOf(value: number): number {
  float[0] = value;
  return bits[0]!;
}

/** The bits of the element at an address. */
export const elementAt = ({ memory }: Runtime, dtype: DType, address: number): number =>
  dtype === "bool" ? memory.u8[address]! : memory.i32[address / 4]!;
