import { type Backend, type DType, Parameter, type Shape, sizeOf, type Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import type { Closure } from "@descent/optim";
import fc from "fast-check";

/** Parameters and their gradients, step by step. */
export interface TrainingProblem {
  readonly shapes: readonly Shape[];
  readonly start: readonly (readonly number[])[];
  /** `[step][parameter]`; `null` where there is no gradient. For an optimizer with a closure they are where its loss has the minimum. */
  readonly grads: readonly (readonly (readonly number[] | null)[])[];
}

/** What problems may be. */
export interface ProblemOptions {
  readonly shapes?: readonly Shape[];
  /** How far numbers are from zero at least. If that is not 0, every parameter has elements, and a gradient in every step. */
  readonly least?: number;
}

const SHAPES: readonly Shape[] = [[], [1], [3], [2, 2], [3, 2], [2, 1, 2], [0]];

/** Values on a coarse grid, without −0. */
export const coarse = (length: number, least = 0): fc.Arbitrary<number[]> =>
  fc.array(
    fc.integer({ min: -32, max: 32 }).map((i) => i / 8 + Math.sign(i) * least || least),
    { minLength: length, maxLength: length },
  );

/** One to seven steps of one to three parameters. */
export const trainingProblem = ({ shapes = SHAPES, least = 0 }: ProblemOptions = {}): fc.Arbitrary<TrainingProblem> =>
  fc
    .record({
      shapes: fc.array(fc.constantFrom(...shapes.filter((shape) => least === 0 || sizeOf(shape) > 0)), {
        minLength: 1,
        maxLength: 3,
      }),
      steps: fc.integer({ min: 1, max: 7 }),
    })
    .chain(({ shapes, steps }) => {
      const values = fc.tuple(...shapes.map((shape) => coarse(sizeOf(shape), least)));
      const gradient = (shape: Shape): fc.Arbitrary<number[] | null> =>
        least === 0 ? fc.option(coarse(sizeOf(shape)), { freq: 6 }) : coarse(sizeOf(shape), least);
      return fc.record({
        shapes: fc.constant(shapes),
        start: values,
        grads: fc.array(fc.tuple(...shapes.map(gradient)), { minLength: steps, maxLength: steps }),
      });
    });

/** Where the parameters of a problem are. */
export interface Place {
  readonly backend: Backend;
  readonly dtype: DType;
}

/** Parameters with values, on the default backend if no other is named. */
export const parametersOf = (
  shapes: readonly Shape[],
  values: readonly ArrayLike<number>[],
  place?: Place,
): Parameter[] => shapes.map((shape, i) => new Parameter(placed(values[i]!, shape, place)));

/** A tensor of numbers. */
export const placed = (values: ArrayLike<number>, shape: Shape, { backend, dtype }: Partial<Place> = {}): Tensor =>
  tensor(Float64Array.from(values), { dtype: dtype ?? "float32", ...(backend && { backend }) }).reshape(shape);

/** Gives gradients to parameters, beside which they live. */
export function give(parameters: readonly Parameter[], gradients: TrainingProblem["grads"][number]): void {
  for (const [i, p] of parameters.entries()) {
    const g = gradients[i] ?? null;
    p.grad = g === null ? null : placed(g, p.shape, p);
  }
}

/**
 * `Σ x²/2 + √(1 + x²) − 1` of the distances `x` from targets: nowhere flat and nowhere steep, and exact in proportion to its value also
 * where that is small.
 */
export function lossOf(parameters: readonly Parameter[], targets: TrainingProblem["grads"][number]): Tensor {
  const losses = parameters.flatMap((p, i) => {
    const target = targets[i] ?? null;
    if (target === null) return [];
    const q = p.sub(placed(target, p.shape, p)).square();
    return [
      q
        .mul(0.5)
        .add(q.div(q.add(1).sqrt().add(1)))
        .sum(),
    ];
  });
  // A loss without any target has gradients, too.
  return losses.reduce((a, b) => a.add(b), parameters[0]!.mul(0).sum());
}

/** What a step of an optimizer is called with, once all is there: gradients, or the closure that it needs. */
export function prepared(
  closure: "backward" | "loss" | null,
  parameters: readonly Parameter[],
  gradients: TrainingProblem["grads"][number],
): Closure | undefined {
  if (closure === null) {
    give(parameters, gradients);
    return undefined;
  }
  return () => {
    const loss = lossOf(parameters, gradients);
    if (closure === "backward") {
      for (const p of parameters) p.grad = null;
      loss.backward();
    }
    return loss;
  };
}
