import { allocate, isFloat, type TypedArray } from "./dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "./errors.ts";
import { scope } from "./memory.ts";
import { floating, hostArray } from "./op.ts";
import { cast } from "./ops/cast.ts";
import { fromTypedArray, type TensorOptions } from "./ops/creation.ts";
import { add, lt, mul } from "./ops/elementwise.ts";
import { amax, amin } from "./ops/reduce.ts";
import { broadcastShapes, checkShape, type Shape, show, sizeOf } from "./shape.ts";
import { Tensor } from "./tensor.ts";
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

/** Throws where a number, or an element of a tensor, is out of its range. Asynchronous devices cannot look. */
function checkRange(op: string, what: string, x: Tensor | number, low: number, high: number): void {
  if (x instanceof Tensor && (x.numel() === 0 || !x.backend.synchronous)) return;
  const ends = x instanceof Tensor ? scope(() => [amin(x).item(), amax(x).item()]) : [x];
  for (const value of ends)
    if (!(value >= low && value <= high)) throw new ArgumentError(op, `the ${what}, got ${value}`);
}

const like = (x: Tensor, options: RandomOptions): RandomOptions => ({ dtype: x.dtype, backend: x.backend, ...options });

/** Normally distributed numbers (Box and Muller 1958). Where mean or standard deviation is a tensor, they broadcast to the shape. */
export function normal(mean: number, std: number, shape: Shape, options?: RandomOptions): Tensor;
export function normal(mean: Tensor | number, std: Tensor | number, options?: RandomOptions): Tensor;
export function normal(
  mean: Tensor | number,
  std: Tensor | number,
  shapeOrOptions?: Shape | RandomOptions,
  rest: RandomOptions = {},
): Tensor {
  checkRange("normal", "standard deviation must not be negative", std, 0, Number.POSITIVE_INFINITY);
  const given = mean instanceof Tensor ? mean : std;
  if (!(given instanceof Tensor)) return gaussian(mean as number, std as number, shapeOrOptions as Shape, rest);
  const sizes = (x: Tensor | number): Shape => (x instanceof Tensor ? x.shape : []);
  const shape = broadcastShapes("normal", sizes(mean), sizes(std));
  const scale = std instanceof Tensor ? 1 : std;
  return scope(() => {
    const noise = gaussian(0, scale, shape, like(given, shapeOrOptions as RandomOptions));
    return add(std instanceof Tensor ? mul(noise, std) : noise, mean);
  });
}

/** @internal A number of the standard normal distribution from the words `at` and `at + 1`. */
export function standardNormal(bits: Uint32Array, at: number): number {
  const radius = Math.sqrt(-2 * Math.log((bits[at]! + 1) / 2 ** 32));
  return radius * Math.cos((2 * Math.PI * bits[at + 1]!) / 2 ** 32);
}

function gaussian(mean: number, std: number, shape: Shape, options: RandomOptions): Tensor {
  checkFloat("normal", options);
  return sample("normal", shape, options, 2, (bits, at) => mean + std * standardNormal(bits, at));
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

/** As `rand`, with shape, dtype and backend of `x`. */
export const randLike = (x: Tensor, options: RandomOptions = {}): Tensor => rand(x.shape, like(x, options));
/** As `randn`, with shape, dtype and backend of `x`. */
export const randnLike = (x: Tensor, options: RandomOptions = {}): Tensor => randn(x.shape, like(x, options));
/** As `randint`, with shape, dtype and backend of `x`. */
export const randintLike = (x: Tensor, low: number, high: number, options: RandomOptions = {}): Tensor =>
  randint(low, high, x.shape, like(x, options));

/** The integers `0 … n−1` in random order, int32. */
export function randperm(n: number, options: RandomOptions = {}): Tensor {
  checkShape("randperm", [n]);
  const { generator = defaultGenerator, dtype = "int32" } = options;
  const values = allocate(dtype, n);
  values.set(generator.permutation(n));
  return fromTypedArray(values, [n], dtype, options);
}

/** Ones with probability `p`, else zeros; for each element of a floating tensor with its probability, and its dtype. */
export function bernoulli(p: number, shape: Shape, options?: RandomOptions): Tensor;
export function bernoulli(p: Tensor, options?: RandomOptions): Tensor;
export function bernoulli(
  p: Tensor | number,
  shapeOrOptions: Shape | RandomOptions = {},
  options: RandomOptions = {},
): Tensor {
  checkRange("bernoulli", "probability must lie in [0, 1]", p, 0, 1);
  if (p instanceof Tensor) {
    const { dtype = p.dtype, ...rest } = shapeOrOptions as RandomOptions;
    floating("bernoulli")([p.dtype]);
    return scope(() => cast(lt(randLike(p, rest), p), dtype));
  }
  const shape = shapeOrOptions as Shape;
  return sample("bernoulli", shape, options, 1, (bits, at) => (uniform24(bits[at]!) < p ? 1 : 0));
}

/** Options of `multinomial`. */
export interface MultinomialOptions {
  /** Whether an index may be drawn again. Default false. */
  readonly replacement?: boolean;
  /** Default: the default generator. */
  readonly generator?: Generator;
}

/**
 * Indices drawn with probabilities proportional to weights, `[N]` or `[M, N]`, in the order in which they were drawn: int32
 * `[numSamples]` or `[M, numSamples]`. Without replacement by exponential clocks (Efraimidis and Spirakis 2006). Reads the weights.
 */
export function multinomial(
  weights: Tensor,
  numSamples: number,
  { replacement = false, generator = defaultGenerator }: MultinomialOptions = {},
): Tensor {
  const op = "multinomial";
  floating(op)([weights.dtype]);
  const { values, shape } = hostArray(op, weights);
  if (shape.length !== 1 && shape.length !== 2)
    throw new ShapeError(op, `expected weights [N] or [M,N], got ${show(shape)}`);
  const n = shape.at(-1)!;
  if (!Number.isInteger(numSamples) || numSamples < 1)
    throw new ArgumentError(op, `the number of samples must be a positive integer, got ${numSamples}`);
  const rows = n === 0 ? 0 : values.length / n;
  const samples = new Int32Array(rows * numSamples);
  for (let row = 0; row < rows; row++) {
    const weights = values.subarray(row * n, (row + 1) * n);
    if (!weights.every((w) => w >= 0 && w < Number.POSITIVE_INFINITY))
      throw new ArgumentError(op, "the weights must be finite and not negative");
    const possible = weights.filter((w) => w > 0).length;
    if (possible < (replacement ? 1 : numSamples))
      throw new ArgumentError(
        op,
        `${numSamples} samples${replacement ? "" : " without replacement"} of ${possible} positive weights`,
        "draw fewer, or with replacement: true",
      );
    samples.set(
      replacement ? spins(weights, numSamples, generator) : clocks(weights, numSamples, generator),
      row * numSamples,
    );
  }
  return fromTypedArray(samples, [...shape.slice(0, -1), numSamples], "int32", { backend: weights.backend });
}

/** Uniform numbers in `[0, 1)`. */
const uniforms = (count: number, generator: Generator): number[] => {
  const bits = generator.bits(2 * count);
  return Array.from({ length: count }, (_, i) => uniform53(bits, 2 * i));
};

/** Draws with replacement. */
function spins(weights: TypedArray, count: number, generator: Generator): number[] {
  let total = 0;
  const ends = Array.from(weights, (w) => (total += w));
  const last = weights.findLastIndex((w) => w > 0);
  return uniforms(count, generator).map((u) => {
    const at = ends.findIndex((end) => end > u * total);
    return at < 0 ? last : at;
  });
}

/** The first `count` of clocks that ring after times exponentially distributed with the weights as rates. */
function clocks(weights: TypedArray, count: number, generator: Generator): number[] {
  const times = uniforms(weights.length, generator).map((u, i) => -Math.log1p(-u) / weights[i]!);
  return [...times.keys()]
    .filter((i) => weights[i]! > 0)
    .sort((a, b) => times[a]! - times[b]!)
    .slice(0, count);
}
