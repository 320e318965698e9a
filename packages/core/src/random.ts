import { allocate, isFloat } from "./dtype.ts";
import { ArgumentError, DTypeError } from "./errors.ts";
import { fromTypedArray, type TensorOptions } from "./ops/creation.ts";
import { checkShape, type Shape, sizeOf } from "./shape.ts";
import type { Tensor } from "./tensor.ts";
import { Generator, type GeneratorState, uniform24, uniform53 } from "./threefry.ts";

/** The generator that is used where none is named. It begins with seed 0 in every process. */
export const defaultGenerator = new Generator(0);

/** Starts the default generator from the beginning of the stream of `seed`. */
export const manualSeed = (seed: number): Generator => defaultGenerator.manualSeed(seed);

/** Where the default generator stands; plain data for a checkpoint. */
export const getRngState = (): GeneratorState => defaultGenerator.getState();

/** Puts the default generator back to where it stood. */
export const setRngState = (state: GeneratorState): void => defaultGenerator.setState(state);

/** Options of random tensors. */
export interface RandomOptions extends TensorOptions {
  /** Default: the default generator. */
  readonly generator?: Generator;
}

/** Fills a tensor: `draw` gets random words and the first of the two that belong to an element. */
function sample(
  op: string,
  shape: Shape,
  options: RandomOptions,
  wordsEach: 1 | 2,
  draw: (bits: Uint32Array, at: number) => number,
): Tensor {
  const { generator = defaultGenerator, dtype = "float32" } = options;
  const values = allocate(dtype, sizeOf(checkShape(op, shape)));
  const bits = generator.bits(values.length * wordsEach);
  for (let i = 0; i < values.length; i++) values[i] = draw(bits, i * wordsEach);
  return fromTypedArray(values, shape, dtype, options);
}

function checkFloat(op: string, { dtype = "float32" }: TensorOptions): void {
  if (!isFloat(dtype))
    throw new DTypeError(op, `a continuous distribution has no ${dtype} values`, 'use dtype: "float32" or randint()');
}

/** Numbers evenly distributed over `[low, high)`. */
export function uniform(low: number, high: number, shape: Shape, options: RandomOptions = {}): Tensor {
  checkFloat("uniform", options);
  if (!(low <= high)) throw new ArgumentError("uniform", `the interval [${low}, ${high}) is empty`);
  const width = high - low;
  return options.dtype === "float64"
    ? sample("uniform", shape, options, 2, (bits, at) => low + width * uniform53(bits, at))
    : sample("uniform", shape, options, 1, (bits, at) => low + width * uniform24(bits[at]!));
}

/** Numbers evenly distributed over `[0, 1)`. */
export const rand = (shape: Shape, options?: RandomOptions): Tensor => uniform(0, 1, shape, options);

/** Normally distributed numbers (Box and Muller 1958). */
export function normal(mean: number, std: number, shape: Shape, options: RandomOptions = {}): Tensor {
  checkFloat("normal", options);
  if (!(std >= 0)) throw new ArgumentError("normal", `the standard deviation must not be negative, got ${std}`);
  return sample("normal", shape, options, 2, (bits, at) => {
    const radius = Math.sqrt(-2 * Math.log((bits[at]! + 1) / 2 ** 32));
    return mean + std * radius * Math.cos((2 * Math.PI * bits[at + 1]!) / 2 ** 32);
  });
}

/** Numbers of the standard normal distribution. */
export const randn = (shape: Shape, options?: RandomOptions): Tensor => normal(0, 1, shape, options);

/** Integers evenly distributed over `[low, high)`, int32 by default. */
export function randint(low: number, high: number, shape: Shape, options: RandomOptions = {}): Tensor {
  if (![low, high].every(Number.isInteger) || low >= high)
    throw new ArgumentError("randint", `no integer lies in [${low}, ${high})`);
  return sample(
    "randint",
    shape,
    { dtype: "int32", ...options },
    2,
    (bits, at) => low + Math.floor(uniform53(bits, at) * (high - low)),
  );
}

/** The integers `0 … n−1` in random order, int32. */
export function randperm(n: number, options: RandomOptions = {}): Tensor {
  checkShape("randperm", [n]);
  const { generator = defaultGenerator, dtype = "int32" } = options;
  const values = allocate(dtype, n);
  values.set(generator.permutation(n));
  return fromTypedArray(values, [n], dtype, options);
}

/** Ones with probability `p`, else zeros. */
export function bernoulli(p: number, shape: Shape, options: RandomOptions = {}): Tensor {
  if (!(p >= 0 && p <= 1)) throw new ArgumentError("bernoulli", `the probability must lie in [0, 1], got ${p}`);
  return sample("bernoulli", shape, options, 1, (bits, at) => (uniform24(bits[at]!) < p ? 1 : 0));
}
