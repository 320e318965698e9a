import { type Block, type DType, type Operand, type Spec, sizeOf } from "@descent/core";
import { type FunctionBuilder, type I8x16, I32, type I32x4 } from "../../assembler/index.ts";
import type { Range } from "../../kernel-module.ts";
import { bytesOf } from "../../reference.ts";
import type { Kernel, Runtime } from "../../runtime.ts";
import { FloatLanes } from "../../vector-math/index.ts";

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

/** A kernel that computes a function of floats. */
export const kernelOf1 = (runtime: Runtime, of: (x: FloatLanes) => FloatLanes): Kernel =>
  runtime.kernel({ x: I32, y: I32 }, (f, { x, y }, range) =>
    forItems(f, range, (i) => of(FloatLanes.load(f, x.add(i))).store(y.add(i))),
  );

/** A kernel that computes a function of two floats. */
export const kernelOf2 = (runtime: Runtime, of: (a: FloatLanes, b: FloatLanes) => FloatLanes): Kernel =>
  runtime.kernel({ a: I32, b: I32, y: I32 }, (f, { a, b, y }, range) =>
    forItems(f, range, (i) => of(FloatLanes.load(f, a.add(i)), FloatLanes.load(f, b.add(i))).store(y.add(i))),
  );

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

/** Runs a kernel of one operand as a whole op, over items of about `cost` nanoseconds. */
export function map(
  runtime: Runtime,
  kernel: Kernel,
  op: string,
  x: Operand<Block>,
  out: Spec,
  items: number,
  cost: number,
): Block {
  const { pager } = runtime;
  pager.begin(op);
  pager.use(x.handle);
  const y = pager.allocate(bytesOf(out));
  run2(runtime, kernel, items, cost, pager.address(x.handle), pager.address(y));
  return y;
}

/** The same with two operands, each of which has the shape of the result. */
export function zip(
  runtime: Runtime,
  kernel: Kernel,
  op: string,
  a: Operand<Block>,
  b: Operand<Block>,
  out: Spec,
  cost: number,
): Block {
  const { pager } = runtime;
  pager.begin(op);
  pager.use(a.handle);
  pager.use(b.handle);
  const y = pager.allocate(bytesOf(out));
  run3(runtime, kernel, itemsOf(a), cost, pager.address(a.handle), pager.address(b.handle), pager.address(y));
  return y;
}

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

/** The bits of a float32. */
function bitsOf(value: number): number {
  float[0] = value;
  return bits[0]!;
}

/** The bits of a number as an element of a dtype, or of the only element of an operand. */
export function elementOf({ pager, memory }: Runtime, dtype: DType, x: Operand<Block> | number): number {
  if (typeof x === "number") return dtype === "float32" ? bitsOf(x) : x;
  const address = pager.address(x.handle);
  return dtype === "bool" ? memory.u8[address]! : memory.i32[address / 4]!;
}
