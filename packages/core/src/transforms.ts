import { withBackend } from "./backend.ts";
import { grad } from "./backward.ts";
import type { TypedArray } from "./dtype.ts";
import { GradientError } from "./errors.ts";
import { scope } from "./memory.ts";
import { fromTypedArray } from "./ops/creation.ts";
import { add, mul } from "./ops/elementwise.ts";
import { sum } from "./ops/sum.ts";
import { show } from "./shape.ts";
import { enableGrad } from "./tape.ts";
import { detach, Tensor } from "./tensor.ts";
import { Generator, uniform53 } from "./threefry.ts";

/** A function whose gradients are checked. */
export type Differentiable = (...inputs: Tensor[]) => Tensor | readonly Tensor[];

/** Options of `gradcheck` and `gradgradcheck`. */
export interface GradcheckOptions {
  /** The step of the central differences. Default 1e-6. */
  readonly eps?: number;
  /** Default 1e-5. */
  readonly atol?: number;
  /** Default 1e-3. */
  readonly rtol?: number;
}

/**
 * Compares the gradients of `fn` with central differences, at `inputs` of dtype float64, for those that require a gradient.
 *
 * Both are taken of one fixed random combination of all outputs. Returns true, or throws a GradientError that names the first element
 * that is off by more than `atol + rtol·|difference|`.
 */
export function gradcheck(fn: Differentiable, inputs: readonly Tensor[], options: GradcheckOptions = {}): true {
  return compare("gradcheck", fn, inputs, options, (i) => `input ${i}`);
}

/** `gradcheck` of the gradient of `fn`, in the inputs and in the gradient of the output. */
export function gradgradcheck(fn: Differentiable, inputs: readonly Tensor[], options: GradcheckOptions = {}): true {
  // Recorded, because `fn` may itself take gradients.
  const outputs = enableGrad(() => list(fn(...inputs)));
  const random = new Generator(1);
  const seeds = outputs.map((y) => {
    const seed = fromTypedArray(randomValues(y.numel(), random), y.shape, "float64", { backend: y.backend });
    seed.requiresGrad = true;
    return seed;
  });
  const gradient: Differentiable = (...all) => {
    const [xs, gs] = [all.slice(0, inputs.length), all.slice(inputs.length)];
    const pairs = list(fn(...xs))
      .map((y, i) => [y, gs[i]!] as const)
      .filter(([y]) => y.requiresGrad);
    if (pairs.length === 0) return [];
    const wanted = xs.filter((x) => x.requiresGrad);
    const options = { gradOutputs: pairs.map(([, g]) => g), createGraph: true, allowUnused: true };
    return grad(
      pairs.map(([y]) => y),
      wanted,
      options,
    ).filter((g) => g !== null);
  };
  return compare("gradgradcheck", gradient, [...inputs, ...seeds], options, (i) =>
    i < inputs.length ? `input ${i}` : `the gradient of output ${i - inputs.length}`,
  );
}

const list = (y: Tensor | readonly Tensor[]): readonly Tensor[] => (y instanceof Tensor ? [y] : y);

const randomValues = (n: number, random: Generator): Float64Array => {
  const bits = random.bits(2 * n);
  return Float64Array.from({ length: n }, (_, i) => 0.5 + uniform53(bits, 2 * i));
};

function compare(
  op: string,
  fn: Differentiable,
  inputs: readonly Tensor[],
  { eps = 1e-6, atol = 1e-5, rtol = 1e-3 }: GradcheckOptions,
  nameOf: (input: number) => string,
): true {
  const [first] = inputs;
  if (first === undefined || !inputs.some((x) => x.requiresGrad))
    throw new GradientError(op, "no input requires a gradient", "create one with requiresGrad: true");
  for (const [i, x] of inputs.entries())
    if (x.requiresGrad && x.dtype !== "float64")
      throw new GradientError(op, `input ${i} is ${x.dtype}, too coarse for differences`, 'use dtype: "float64"');

  return withBackend(first.backend, () => {
    const xs = inputs.map((x) => leaf(x.dataSync(), x));
    const wanted = xs.filter((x) => x.requiresGrad);
    const outputs = enableGrad(() => list(fn(...xs)));
    const value = enableGrad(() => combination(outputs));
    const found = value?.requiresGrad ? grad(value, wanted, { allowUnused: true }) : [];
    let k = 0;
    for (const [i, x] of inputs.entries()) {
      if (!x.requiresGrad) continue;
      const analytic = found[k++]?.dataSync();
      const values = x.dataSync();
      for (let j = 0; j < values.length; j++) {
        const numeric = difference(fn, inputs, i, values, j, eps);
        const got = analytic?.[j] ?? 0;
        if (Math.abs(got - numeric) <= atol + rtol * Math.abs(numeric)) continue;
        throw new GradientError(
          op,
          `element ${j} of ${nameOf(i)} ${show(x.shape)} has gradient ${got}, but differences give ${numeric}`,
          `look at the gradient of ${opsOf(outputs)}, or at what it is made of`,
        );
      }
    }
    return true;
  });
}

/** The ops that outputs come from. */
const opsOf = (outputs: readonly Tensor[]): string =>
  [...new Set(outputs.flatMap(({ gradFn }) => (gradFn === null ? [] : `"${gradFn.name}"`)))].join(", ") ||
  "the function";

const leaf = (values: TypedArray, { shape, dtype, requiresGrad, backend }: Tensor): Tensor =>
  fromTypedArray(values, shape, dtype, { requiresGrad, backend });

/** The slope of the combined outputs along element `j` of input `i`. */
function difference(
  fn: Differentiable,
  inputs: readonly Tensor[],
  i: number,
  values: TypedArray,
  j: number,
  eps: number,
): number {
  const at = (shift: number): number =>
    scope(() => {
      const moved = values.slice();
      moved[j] = moved[j]! + shift;
      // Leaves again, because `fn` may itself take gradients.
      const xs = inputs.map((x, k) => (k === i ? leaf(moved, x) : x.requiresGrad ? leaf(x.dataSync(), x) : detach(x)));
      return enableGrad(() => combination(fn(...xs)))?.item() ?? 0;
    });
  return (at(eps) - at(-eps)) / (2 * eps);
}

/** One number that depends on every element of every output, with the same weights at each call. */
function combination(outputs: Tensor | readonly Tensor[]): Tensor | null {
  const random = new Generator(2);
  let total: Tensor | null = null;
  for (const y of list(outputs)) {
    const weights = fromTypedArray(randomValues(y.numel(), random), y.shape, "float64", { backend: y.backend });
    const part = sum(mul(y, weights));
    total = total === null ? part : add(total, part);
  }
  return total;
}
