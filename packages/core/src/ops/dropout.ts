import { allocate, type DType } from "../dtype.ts";
import { ArgumentError } from "../errors.ts";
import { composite, floating, type Op } from "../op.ts";
import { type Shape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { type Generator, threefry, uniform24 } from "../threefry.ts";
import { fromTypedArray } from "./creation.ts";
import { mul } from "./elementwise.ts";

/** Zeros with probability `p`, else `1 / (1 − p)`: element `i` is kept where the `i`-th word of the stream, as a fraction, is ≥ `p`. */
function mask(shape: Shape, dtype: DType, p: number, key0: number, key1: number, counter: number): Tensor {
  const words = threefry(key0, key1, counter, sizeOf(shape));
  const elements = allocate(dtype, words.length);
  const scale = 1 / (1 - p);
  for (let i = 0; i < words.length; i++) elements[i] = uniform24(words[i]!) >= p ? scale : 0;
  return fromTypedArray(elements, shape, dtype);
}

// The mask is not saved but drawn again: the numbers that determine it are inputs, since they change from call to call.
const dropoutOp: Op<[x: Tensor, p: number, key0: number, key1: number, counter: number]> = composite({
  name: "dropout",
  shape: ([x]) => x,
  dtype: ([x]) => floating("dropout")([x]),
  decompose: ([x, ...draw]) => mul(x, mask(x.shape, x.dtype, ...draw)),
  vjp: [(g, { inputs: [, ...draw] }) => dropoutOp([g, ...draw]), null, null, null, null],
});

/** Zeroes elements with probability `p` and scales the others by `1 / (1 − p)` (Srivastava et al. 2014). */
export function dropout(x: Tensor, p: number, generator: Generator): Tensor {
  if (!(p >= 0 && p <= 1)) throw new ArgumentError("dropout", `the probability must lie in [0, 1], got ${p}`);
  if (p === 0) return x;
  if (p === 1) return mul(x, 0);
  const [key0, key1] = generator.key;
  return dropoutOp([x, p, key0, key1, generator.reserve(x.numel())]);
}
