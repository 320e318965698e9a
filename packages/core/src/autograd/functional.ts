import { grad } from "../backward.ts";
import { allocate } from "../dtype.ts";
import { ArgumentError, GradientError, ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { fromTypedArray, onesLike, zeros, zerosLike } from "../ops/creation.ts";
import { stack } from "../ops/join.ts";
import { clone, reshape } from "../ops/movement.ts";
import { walking } from "../tape.ts";
import { checkFits, detach, Tensor } from "../tensor.ts";

// torch.autograd.functional: what goes in and comes out is one tensor, or a list of them.

type Tensors = Tensor | readonly Tensor[];
/** `T` for a tensor, a list of `T` for a list. */
type Like<X extends Tensors, T> = X extends Tensor ? T : T[];
type Fn<Y extends Tensors> = (...inputs: Tensor[]) => Y;

/** Options of the derivatives of a function. */
export interface FunctionalOptions {
  /** Records the computation, so that the result can be differentiated, also in the inputs. Default false. */
  readonly createGraph?: boolean;
  /** Throws where an output does not depend on an input, instead of giving zeros. Default false. */
  readonly strict?: boolean;
}

const listOf = (xs: Tensors): readonly Tensor[] => (xs instanceof Tensor ? [xs] : xs);
const like = <X extends Tensors, T>(xs: X, results: T[]): Like<X, T> =>
  (xs instanceof Tensor ? results[0] : results) as Like<X, T>;

/**
 * The derivatives of every element of the outputs of `fn` with respect to every element of its inputs, of shape
 * `[...output, ...input]`; for lists of outputs or inputs, lists of them (the outer one for the outputs).
 */
export function jacobian<Y extends Tensors, X extends Tensors>(
  fn: Fn<Y>,
  inputs: X,
  options: FunctionalOptions = {},
): Like<Y, Like<X, Tensor>> {
  return run("jacobian", fn, inputs, options, (ys, xs, pull) => {
    const rows = listOf(ys).map((y, i) => {
      const gradients = Array.from({ length: y.numel() }, (_, j) => pull([y], xs, [unit(y, j)], i));
      return like(
        inputs,
        xs.map((x, k) => {
          const shape = [...y.shape, ...x.shape];
          const all = gradients.map((list) => list[k]!);
          return all.length === 0 ? zeros(shape, x) : scope(() => reshape(stack(all), shape));
        }),
      );
    });
    return like(ys, rows);
  });
}

/** The second derivatives of a function with one element: `[...input, ...input]`, for a list of inputs a list of lists. */
export function hessian<X extends Tensors>(
  fn: Fn<Tensor>,
  inputs: X,
  options: FunctionalOptions = {},
): Like<X, Like<X, Tensor>> {
  const gradient: Fn<Tensors> = gradientOf("hessian", fn, inputs, options);
  return jacobian(gradient, inputs, options) as Like<X, Like<X, Tensor>>;
}

/** `[fn(inputs), vᵀJ]`: the outputs, and the gradients of the inputs given those of the outputs, `v` (1 where there is one element). */
export function vjp<Y extends Tensors, X extends Tensors>(
  fn: Fn<Y>,
  inputs: X,
  v?: Tensors,
  options: FunctionalOptions = {},
): [outputs: Y, vjp: Like<X, Tensor>] {
  return run("vjp", fn, inputs, options, (ys, xs, pull) => [
    ys,
    like(inputs, pull(listOf(ys), xs, tangents("vjp", v, listOf(ys)))),
  ]);
}

/** `[fn(inputs), J v]`: the outputs, and their change when the inputs change along `v` (1 where there is one element). */
export function jvp<Y extends Tensors, X extends Tensors>(
  fn: Fn<Y>,
  inputs: X,
  v?: Tensors,
  options: FunctionalOptions = {},
): [outputs: Y, jvp: Like<Y, Tensor>] {
  return run("jvp", fn, inputs, options, (ys, xs, pull) => {
    // uᵀJ is linear in u: its derivative along v is J v, whatever u is.
    const us = listOf(ys).map((y) => watched(zerosLike(y)));
    const gradients = pull(listOf(ys), xs, us, undefined, true);
    return [ys, like(ys, pull(gradients, us, tangents("jvp", v, xs)))];
  });
}

/** `[fn(inputs), H v]` of a function with one element, with its second derivatives `H`. */
export function hvp<X extends Tensors>(
  fn: Fn<Tensor>,
  inputs: X,
  v?: Tensors,
  options: FunctionalOptions = {},
): [output: Tensor, hvp: Like<X, Tensor>] {
  return second("hvp", jvp, fn, inputs, v, options);
}

/** `[fn(inputs), vᵀH]`: the same as `hvp`, because `H` is symmetric, and cheaper. */
export function vhp<X extends Tensors>(
  fn: Fn<Tensor>,
  inputs: X,
  v?: Tensors,
  options: FunctionalOptions = {},
): [output: Tensor, vhp: Like<X, Tensor>] {
  return second("vhp", vjp, fn, inputs, v, options);
}

function second<X extends Tensors>(
  op: string,
  product: typeof jvp | typeof vjp,
  fn: Fn<Tensor>,
  inputs: X,
  v: Tensors | undefined,
  options: FunctionalOptions,
): [Tensor, Like<X, Tensor>] {
  let output: Tensor | undefined;
  const gradient = gradientOf(op, fn, inputs, options, (y) => {
    output = options.createGraph ? y : detach(y);
  });
  const [, result] = product(gradient, inputs, v, options);
  return [output!, result as Like<X, Tensor>];
}

/** The gradient of a function with one element, as a function. */
const gradientOf =
  <X extends Tensors>(
    op: string,
    fn: Fn<Tensor>,
    inputs: X,
    options: FunctionalOptions,
    see?: (y: Tensor) => void,
  ): Fn<Like<X, Tensor> & Tensors> =>
  (...xs) => {
    const y = fn(...xs);
    if (!(y instanceof Tensor) || y.numel() !== 1)
      throw new ShapeError(op, "the function must return one tensor with one element");
    see?.(y);
    return like(inputs, pullback(op, options.strict)([y], xs, [onesLike(y)], 0, true)) as Like<X, Tensor> & Tensors;
  };

/** Gradients of `ys` in `xs` along `vs`; zeros, or an error, where there is none. */
type Pull = (
  ys: readonly Tensor[],
  xs: readonly Tensor[],
  vs: readonly Tensor[],
  output?: number,
  createGraph?: boolean,
) => Tensor[];

const pullback =
  (op: string, strict = false, always = false): Pull =>
  (ys, xs, vs, output, createGraph = always) => {
    const roots = ys.flatMap((y, i) => (y.requiresGrad ? i : []));
    const options = { gradOutputs: roots.map((i) => vs[i]!), createGraph, retainGraph: true, allowUnused: true };
    const found =
      roots.length === 0
        ? xs.map(() => null)
        : grad(
            roots.map((i) => ys[i]!),
            xs,
            options,
          );
    return found.map((g, k) => {
      if (g === null && strict)
        throw new GradientError(
          op,
          `output ${output ?? 0} does not depend on input ${k}`,
          "leave strict out to get zeros",
        );
      return g ?? zerosLike(xs[k]!);
    });
  };

/** Calls `fn` with inputs that are watched, whatever theirs are, and takes what `use` makes of it out of the graph again. */
function run<Y extends Tensors, X extends Tensors, R>(
  op: string,
  fn: Fn<Y>,
  inputs: X,
  { createGraph = false, strict }: FunctionalOptions,
  use: (ys: Y, xs: readonly Tensor[], pull: Pull) => R,
): R {
  return walking(true, () => {
    const xs = listOf(inputs).map((x) => (createGraph && x.requiresGrad ? clone(x) : watched(x)));
    const ys = fn(...xs);
    if (!(ys instanceof Tensor || (Array.isArray(ys) && ys.every((y) => y instanceof Tensor))))
      throw new ArgumentError(op, "the function must return a tensor or a list of tensors");
    const result = use(ys, xs, pullback(op, strict, createGraph));
    return createGraph ? result : (unwatched(result) as R);
  });
}

/** A leaf of its own with the elements of `x`. */
function watched(x: Tensor): Tensor {
  const leaf = detach(x);
  leaf.requiresGrad = true;
  return leaf;
}

const unwatched = (result: unknown): unknown =>
  Array.isArray(result) ? result.map(unwatched) : (result as Tensor).requiresGrad ? detach(result as Tensor) : result;

/** The vectors of a product: as many as the tensors, and like them. */
function tangents(op: string, v: Tensors | undefined, xs: readonly Tensor[]): readonly Tensor[] {
  if (v === undefined) {
    if (xs.length !== 1 || xs[0]!.numel() !== 1)
      throw new GradientError(op, "v may be left out for one tensor with one element alone", "pass it");
    return [onesLike(xs[0]!)];
  }
  const vs = listOf(v);
  if (vs.length !== xs.length) throw new ArgumentError(op, `v has ${vs.length} tensors, not ${xs.length}`);
  for (const [i, x] of xs.entries()) checkFits(op, `v[${i}]`, vs[i]!, x);
  return vs;
}

/** Zeros like `y` but for a 1 at element `j`. */
function unit({ shape, dtype, backend }: Tensor, j: number): Tensor {
  const values = allocate(
    dtype,
    shape.reduce((n, size) => n * size, 1),
  );
  values[j] = 1;
  return fromTypedArray(values, shape, dtype, { backend });
}
