import {
  ArgumentError,
  argsort,
  Buffer,
  defaultGenerator,
  full,
  type Generator,
  eye as identity,
  Parameter,
  pad,
  rand,
  normal as randomNormal,
  uniform as randomUniform,
  type Shape,
  scope,
  show,
  sizeOf,
  standardNormal,
  Tensor,
  type TensorOptions,
  tensor,
  uniform53,
  where,
} from "@descent/core";
import { checkFraction, checkSizes, oneOf, withDefaults } from "./options.ts";

// Every function takes a shape and gives a new float32 tensor; or a parameter or buffer, whose value it replaces and which it returns, as
// PyTorch's functions do; or any other tensor, of which it gives another with the same shape, dtype and backend.

/** What is to be filled: a shape, a parameter or buffer, or a tensor to be like. */
export type Target = Shape | Tensor;
/** The parameter or buffer that was filled, else a new tensor. */
export type Filled<T extends Target> = T extends Tensor ? T : Tensor;

const shapeOf = (target: Target): Shape => (target instanceof Tensor ? target.shape : target);

function fill<T extends Target>(target: T, make: (shape: Shape, options: TensorOptions) => Tensor): Filled<T> {
  if (!(target instanceof Tensor)) return make(target, {}) as Filled<T>;
  const { shape, dtype, backend } = target;
  if (!(target instanceof Parameter || target instanceof Buffer)) return make(shape, { dtype, backend }) as Filled<T>;
  scope(() => target.assign(make(shape, { dtype, backend })));
  return target as Tensor as Filled<T>;
}

const fillWith = <T extends Target>(target: T, values: (shape: Shape) => Float64Array): Filled<T> =>
  fill(target, (shape, like) => scope(() => tensor(values(shape), { dtype: "float32", ...like }).reshape(shape)));

/** Options of everything random. */
export interface RandomInitOptions {
  /** Where the random numbers come from. Default: the default generator. */
  readonly generator?: Generator;
}

const RANDOM = { generator: defaultGenerator };

/** Options of `uniform`. */
export interface UniformOptions extends RandomInitOptions {
  /** The lower bound. Default 0. */
  readonly a?: number;
  /** The upper bound. Default 1. */
  readonly b?: number;
}

/** Numbers evenly distributed over `[a, b)`. */
export function uniform<T extends Target>(target: T, options: UniformOptions = {}): Filled<T> {
  const { a, b, generator } = withDefaults("init.uniform", options, { a: 0, b: 1, ...RANDOM });
  return fill(target, (shape, like) => randomUniform(a, b, shape, { ...like, generator }));
}

/** Options of `normal`. */
export interface NormalOptions extends RandomInitOptions {
  /** Default 0. */
  readonly mean?: number;
  /** The standard deviation. Default 1. */
  readonly std?: number;
}

/** Normally distributed numbers. */
export function normal<T extends Target>(target: T, options: NormalOptions = {}): Filled<T> {
  const { mean, std, generator } = withDefaults("init.normal", options, { mean: 0, std: 1, ...RANDOM });
  return fill(target, (shape, like) => randomNormal(mean, std, shape, { ...like, generator }));
}

/** Options of `truncNormal`. */
export interface TruncNormalOptions extends NormalOptions {
  /** The least number. Default −2. */
  readonly a?: number;
  /** The largest number. Default 2. */
  readonly b?: number;
}

/** Normally distributed numbers, drawn again where they lie outside of `[a, b]`. */
export function truncNormal<T extends Target>(target: T, options: TruncNormalOptions = {}): Filled<T> {
  const op = "init.truncNormal";
  const all = withDefaults(op, options, { mean: 0, std: 1, a: -2, b: 2, ...RANDOM });
  if (!(all.std > 0)) throw new ArgumentError(op, `std must be above 0, got ${all.std}`);
  if (!(all.a < all.b)) throw new ArgumentError(op, `no number lies between ${all.a} and ${all.b}`);
  return fillWith(target, (shape) => truncated(sizeOf(shape), all));
}

function truncated(count: number, { mean, std, a, b, generator }: Required<TruncNormalOptions>): Float64Array {
  const values = new Float64Array(count);
  const energy = (x: number): number => ((x - mean) / std) ** 2 / 2;
  const least = energy(Math.min(b, Math.max(a, mean)));
  // A narrow interval, or one off the mean, would reject most normal numbers: there, even ones are kept as likely as they are.
  const isWide = (a <= mean && mean <= b && b - a >= 2 * std) || !Number.isFinite(b - a);
  for (let i = 0; i < count; )
    for (let bits = generator.bits(4 * (count - i)), at = 0; at < bits.length; at += 4) {
      const x = isWide ? mean + std * standardNormal(bits, at) : a + (b - a) * uniform53(bits, at);
      const isKept = isWide ? x >= a && x <= b : uniform53(bits, at + 2) < Math.exp(least - energy(x));
      if (isKept) values[i++] = x;
    }
  return values;
}

/** One value everywhere. */
export const constant = <T extends Target>(target: T, value: number): Filled<T> =>
  fill(target, (shape, like) => full(shape, value, like));
/** Ones. */
export const ones = <T extends Target>(target: T): Filled<T> => constant(target, 1);
/** Zeros. */
export const zeros = <T extends Target>(target: T): Filled<T> => constant(target, 0);

/** The identity matrix, which keeps the inputs of a linear layer: `[out, in]`. */
export function eye<T extends Target>(target: T): Filled<T> {
  checkRank("init.eye", target, 2);
  return fill(target, ([n, m], like) => identity(n!, m!, like));
}

/** Options of `dirac`. */
export interface DiracOptions {
  /** The groups of the convolution, each of which keeps its channels. Default 1. */
  readonly groups?: number;
}

/** A one in the middle of the kernels that lead from a channel to itself, which keeps the input of a convolution: `[out, in/groups, …]`. */
export function dirac<T extends Target>(target: T, options: DiracOptions = {}): Filled<T> {
  const op = "init.dirac";
  const { groups } = withDefaults(op, options, { groups: 1 });
  checkRank(op, target, 3, 5);
  checkSizes(op, { groups });
  const [out, channels, ...kernel] = shapeOf(target) as [number, number, ...number[]];
  if (out % groups !== 0)
    throw new ArgumentError(op, `${out} output channels do not divide into ${groups} groups`, "choose a divisor");
  const around = kernel.toReversed().flatMap((n) => [Math.floor(n / 2), Math.ceil(n / 2) - 1]);
  return fill(target, (_, like) =>
    scope(() => {
      const through = identity(out / groups, channels, like).repeat(groups, 1);
      return pad(through.reshape([out, channels, ...kernel.map(() => 1)]), around);
    }),
  );
}

/** The number of inputs that each output of a weight `[out, in, …]` adds up. Throws for fewer than two axes. */
export const fanIn = (weight: Shape): number => fans(weight, "fanIn").fanIn;

function fans(target: Target, op: string): { fanIn: number; fanOut: number } {
  const shape = shapeOf(target);
  if (shape.length < 2) throw new ArgumentError(op, `expected a weight of at least two axes, got ${show(shape)}`);
  const [out, channels, ...kernel] = shape as [number, number, ...number[]];
  return { fanIn: channels * sizeOf(kernel), fanOut: out * sizeOf(kernel) };
}

/** Functions that follow a weight, by their names in `functional`, with what they want the weight's scale multiplied by. */
const GAINS = {
  ...{ linear: 1, conv1d: 1, conv2d: 1, conv3d: 1, convTranspose1d: 1, convTranspose2d: 1, convTranspose3d: 1 },
  ...{ sigmoid: 1, tanh: 5 / 3, relu: Math.SQRT2, leakyRelu: null, selu: 3 / 4 },
};

/** A function that follows a weight, by its name in `functional`, or as PyTorch spells it. */
export type Nonlinearity = keyof typeof GAINS | "leaky_relu";

/** One of some words, also where PyTorch's snake_case spells it. */
const word = <W extends string>(op: string, name: string, given: string, words: readonly W[]): W =>
  oneOf(op, name, given.replace(/_[a-z0-9]/g, (end) => end[1]!.toUpperCase()) as W, words);

/** The gain that PyTorch recommends for a function; `param` is the slope of `leakyRelu` below zero (default 0.01). */
export function calculateGain(nonlinearity: Nonlinearity, param = 0.01): number {
  const words = Object.keys(GAINS) as (keyof typeof GAINS)[];
  return GAINS[word("init.calculateGain", "nonlinearity", nonlinearity, words)] ?? Math.sqrt(2 / (1 + param ** 2));
}

/** Options of `xavierUniform` and `xavierNormal`. */
export interface XavierOptions extends RandomInitOptions {
  /** What the standard deviation is multiplied by. Default 1. */
  readonly gain?: number;
}

/** Options of `kaimingUniform` and `kaimingNormal`. */
export interface KaimingOptions extends RandomInitOptions {
  /** The slope below zero of the leaky ReLU that follows. Default 0, a ReLU. */
  readonly a?: number;
  /** What keeps its scale: activations (`"fanIn"`, default) or gradients (`"fanOut"`). */
  readonly mode?: "fanIn" | "fanOut" | "fan_in" | "fan_out";
  /** The function that follows. Default `"leakyRelu"`. */
  readonly nonlinearity?: Nonlinearity;
}

/** Zero-mean numbers of a standard deviation. */
type Scaled = <T extends Target>(target: T, std: number, options: Required<RandomInitOptions>) => Filled<T>;
const evenly: Scaled = (target, std, { generator }) =>
  uniform(target, { a: -std * Math.sqrt(3), b: std * Math.sqrt(3), generator });
const normally: Scaled = (target, std, { generator }) => normal(target, { std, generator });

const xavier =
  (op: string, draw: Scaled) =>
  <T extends Target>(target: T, options: XavierOptions = {}): Filled<T> => {
    const { gain, generator } = withDefaults(op, options, { gain: 1, ...RANDOM });
    const { fanIn, fanOut } = fans(target, op);
    return draw(target, gain * Math.sqrt(2 / (fanIn + fanOut)), { generator });
  };

const kaiming =
  (op: string, draw: Scaled) =>
  <T extends Target>(target: T, options: KaimingOptions = {}): Filled<T> => {
    const { a, mode, nonlinearity, generator } = withDefaults<KaimingOptions>(op, options, {
      a: 0,
      mode: "fanIn",
      nonlinearity: "leakyRelu",
      ...RANDOM,
    });
    const fan = fans(target, op)[word(op, "mode", mode, ["fanIn", "fanOut"])];
    return draw(target, calculateGain(nonlinearity, a) / Math.sqrt(fan), { generator });
  };

/** A weight `[out, in, …]`, uniform over `±gain·√(6 / (fanIn + fanOut))` (Glorot & Bengio 2010). */
export const xavierUniform = xavier("init.xavierUniform", evenly);
/** A weight `[out, in, …]`, normal with standard deviation `gain·√(2 / (fanIn + fanOut))` (Glorot & Bengio 2010). */
export const xavierNormal = xavier("init.xavierNormal", normally);
/**
 * A weight `[out, in, …]`, uniform over `±gain·√(3 / fan)`, with which activations keep their scale (He et al. 2015). Linear and
 * convolution layers begin with `a = √5`, which is `±1/√fanIn`.
 */
export const kaimingUniform = kaiming("init.kaimingUniform", evenly);
/** A weight `[out, in, …]`, normal with standard deviation `gain / √fan`, with which activations keep their scale (He et al. 2015). */
export const kaimingNormal = kaiming("init.kaimingNormal", normally);

/** A weight `[out, in, …]` whose rows, flattened, or else whose columns are orthogonal and of length `gain` (Saxe et al. 2013). */
export function orthogonal<T extends Target>(target: T, options: XavierOptions = {}): Filled<T> {
  const op = "init.orthogonal";
  const { gain, generator } = withDefaults(op, options, { gain: 1, ...RANDOM });
  const { fanIn: columns } = fans(target, op);
  return fillWith(target, (shape) => {
    const rows = shape[0]!;
    const isTall = rows > columns;
    const basis = orthonormal(Math.min(rows, columns), Math.max(rows, columns), generator);
    return Float64Array.from({ length: rows * columns }, (_, k) => {
      const [i, j] = [Math.floor(k / columns), k % columns];
      return gain * (isTall ? basis[j]![i]! : basis[i]![j]!);
    });
  });
}

/** `count` orthonormal vectors, evenly distributed over all such: normal ones (Gram and Schmidt), made orthogonal twice, since once rounds. */
function orthonormal(count: number, length: number, generator: Generator): Float64Array[] {
  const dot = (x: Float64Array, y: Float64Array): number => {
    let sum = 0;
    for (let i = 0; i < length; i++) sum += x[i]! * y[i]!;
    return sum;
  };
  const basis: Float64Array[] = [];
  while (basis.length < count) {
    const bits = generator.bits(2 * length);
    const v = Float64Array.from({ length }, (_, i) => standardNormal(bits, 2 * i));
    for (const q of [...basis, ...basis]) {
      const along = dot(v, q);
      for (let i = 0; i < length; i++) v[i]! -= along * q[i]!;
    }
    const norm = Math.sqrt(dot(v, v));
    basis.push(v.map((x) => x / norm));
  }
  return basis;
}

/** Options of `sparse`. */
export interface SparseOptions extends RandomInitOptions {
  /** The standard deviation of what is not zero. Default 0.01. */
  readonly std?: number;
}

/** A normal matrix `[out, in]` in each column of which a fraction `sparsity`, rounded up, is zero (Martens 2010). */
export function sparse<T extends Target>(target: T, sparsity: number, options: SparseOptions = {}): Filled<T> {
  const op = "init.sparse";
  const { std, generator } = withDefaults(op, options, { std: 0.01, ...RANDOM });
  checkFraction(op, "sparsity", sparsity);
  checkRank(op, target, 2);
  return fill(target, (shape, like) =>
    scope(() => {
      const order = argsort(rand(shape, { ...like, generator }), { dim: 0 });
      return where(order.lt(Math.ceil(sparsity * shape[0]!)), 0, randomNormal(0, std, shape, { ...like, generator }));
    }),
  );
}

function checkRank(op: string, target: Target, least: number, most = least): void {
  const shape = shapeOf(target);
  if (shape.length < least || shape.length > most)
    throw new ArgumentError(
      op,
      `expected a weight of ${least}${most > least ? ` to ${most}` : ""} axes, got ${show(shape)}`,
    );
}
