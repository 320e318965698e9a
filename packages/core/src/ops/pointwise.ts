import type { Vjp } from "../apply.ts";
import type { ArithmeticFn, ComparisonFn, LogicalFn, UnaryFn } from "../backend.ts";
import { type DType, promote, promoteNumber, toFloat } from "../dtype.ts";
import { ArgumentError, DTypeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { composite, floating, primitive, type Save } from "../op.ts";
import { broadcastShapes } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { asFloat, cast } from "./cast.ts";
import { full } from "./creation.ts";
import { unbroadcast } from "./sum.ts";

// What elementwise ops have in common: their dtypes, how they broadcast, and the adjoint of that.

export type Scalar = Tensor | number;
export type Pair = [a: Scalar, b: Scalar];
type Tensors = [a: Tensor, b: Tensor];

/** An elementwise op of one input. `float` ops convert integers first, `number` ops keep them. */
export function unary(
  fn: UnaryFn,
  saves: readonly Save[],
  vjp: Vjp<[x: Tensor]>,
  domain: "float" | "number" = "float",
) {
  const op = primitive<[x: Tensor], unknown>({
    name: fn,
    shape: ([x]) => x,
    dtype: ([dtype]) => arithmeticDType(fn, dtype),
    kernel: (backend, [x], _, [out]) => [backend.unary(fn, x, out!)],
    saves,
    vjp: [vjp as Vjp<[x: Tensor], unknown>],
  });
  return (x: Tensor): Tensor => op([domain === "float" ? asFloat(x) : x], undefined);
}

export function arithmeticDType(op: string, dtype: DType): DType {
  if (dtype === "bool")
    throw new DTypeError(op, "bool has no arithmetic", 'convert it with .to("int32") or .to("float32")');
  return dtype;
}

/** The operands in their common dtype, numbers rounded to it. */
export function common(op: string, a: Scalar, b: Scalar, convert: (dtype: DType) => DType): Pair {
  if (a instanceof Tensor && b instanceof Tensor) {
    const dtype = convert(promote(a.dtype, b.dtype));
    return [cast(a, dtype), cast(b, dtype)];
  }
  if (a instanceof Tensor && typeof b === "number") {
    const dtype = convert(promoteNumber(a.dtype, b));
    return [cast(a, dtype), rounded(b, dtype)];
  }
  if (b instanceof Tensor && typeof a === "number") {
    const dtype = convert(promoteNumber(b.dtype, a));
    return [rounded(a, dtype), cast(b, dtype)];
  }
  throw new ArgumentError(
    op,
    `expected a tensor and a tensor or number, got ${kind(a)} and ${kind(b)}`,
    "make one with tensor(…)",
  );
}

/** As `common`, with tensors for numbers. */
export const tensors = (op: string, a: Scalar, b: Scalar, convert: (dtype: DType) => DType): Tensors => {
  const [x, y] = common(op, a, b, convert);
  const { dtype, backend } = x instanceof Tensor ? x : (y as Tensor);
  const tensorOf = (value: Scalar): Tensor => (typeof value === "number" ? full([], value, { dtype, backend }) : value);
  return [tensorOf(x), tensorOf(y)];
};

const kind = (x: unknown): string => (x instanceof Tensor ? "a tensor" : Array.isArray(x) ? "an array" : typeof x);

const rounded = (value: number, dtype: DType): number =>
  dtype === "float32" ? Math.fround(value) : dtype === "bool" ? Number(value !== 0) : value;

export const keepDType = (dtype: DType): DType => dtype;
export const boolToInt = (dtype: DType): DType => (dtype === "bool" ? "int32" : dtype);
export const toBool = (): DType => "bool";

/** Gradients of operands that broadcast, from functions that need not know about it. */
const shrunk = <I extends Pair, A>(vjpA: Vjp<I>, vjpB: Vjp<I>) =>
  ([vjpA, vjpB] as const).map(
    (vjp, input): Vjp<I, A> =>
      (g, context) => {
        const whole = vjp(g, context);
        return whole === null ? null : unbroadcast(whole, context.specs[input]!.shape);
      },
  ) as [Vjp<I, A>, Vjp<I, A>];

/** An elementwise op of two inputs that broadcast. */
export function arithmetic(
  fn: ArithmeticFn,
  saves: readonly Save[],
  vjpA: Vjp<Pair>,
  vjpB: Vjp<Pair>,
  convert: (dtype: DType) => DType = boolToInt,
) {
  const op = primitive<Pair, unknown>({
    name: fn,
    shape: ([a, b]) => broadcastShapes(fn, a, b),
    kernel: (backend, [a, b], _, [out]) => [backend.binary(fn, a, b, out!)],
    saves,
    vjp: shrunk(vjpA, vjpB),
  });
  return (a: Scalar, b: Scalar): Tensor => op(common(fn, a, b, convert), undefined);
}

/** As `arithmetic`, made of other ops, in floating point. */
export function composed(
  name: string,
  decompose: (a: Tensor, b: Tensor) => Tensor,
  vjpA: Vjp<Tensors>,
  vjpB: Vjp<Tensors>,
  saves: readonly Save[] = ["inputs"],
) {
  const op = composite<Tensors, unknown>({
    name,
    shape: ([a, b]) => broadcastShapes(name, a, b),
    decompose: ([a, b]) => decompose(a, b),
    saves,
    vjp: shrunk(vjpA, vjpB),
  });
  return (a: Scalar, b: Scalar): Tensor => scope(() => op(tensors(name, a, b, toFloat), undefined));
}

/** An op of one input that is made of others, in floating point. */
export function smooth<A = void>(
  name: string,
  decompose: (x: Tensor, attrs: A) => Tensor,
  vjp: Vjp<[x: Tensor], A>,
): (x: Tensor, attrs: A) => Tensor {
  const op = composite<[x: Tensor], A>({
    name,
    shape: ([x]) => x,
    dtype: floating(name),
    decompose: ([x], attrs) => decompose(x, attrs),
    saves: ["inputs"],
    vjp: [vjp],
  });
  return (x, attrs) => op([asFloat(x)], attrs);
}

/** A gradient, from that of the result and what was saved: an op, so that backends may have a kernel for it. */
export const gradientOp = <A = void>(
  name: string,
  decompose: (g: Tensor, saved: Tensor, attrs: A) => Tensor,
): ((g: Tensor, saved: Tensor, attrs: A) => Tensor) => {
  const op = composite<[g: Tensor, saved: Tensor], A>({
    name: `${name}Grad`,
    shape: ([g]) => g,
    decompose: ([g, saved], attrs) => decompose(g, saved, attrs),
  });
  return (g, saved, attrs) => op([g, saved], attrs);
};

/** A comparison or logical op: bool, without a gradient. */
export function predicate(fn: ComparisonFn | LogicalFn, convert: (dtype: DType) => DType) {
  const op = primitive<Pair>({
    name: fn,
    shape: ([a, b]) => broadcastShapes(fn, a, b),
    dtype: toBool,
    kernel: (backend, [a, b], _, [out]) => [backend.binary(fn, a, b, out!)],
    vjp: [null, null],
  });
  return (a: Tensor, b: Scalar): Tensor => op(common(fn, a, b, convert));
}
