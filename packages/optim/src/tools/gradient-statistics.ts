import {
  ArgumentError,
  BackendError,
  keep,
  noGrad,
  peekGrad,
  scope,
  stack,
  Tensor,
  type TypedArray,
  zeros,
} from "@descent/core";
import "@descent/core/methods";
import { listed } from "../base/param-groups.ts";
import { callable, nonNegative, optional, shown } from "../checks.ts";
import { owned, settled } from "./arguments.ts";
import { GradientReport, type GradientStatistics, type GradientThresholds } from "./gradient-report.ts";

/** Options of `gradientStatistics`. */
export interface GradientStatisticsOptions<R = unknown> extends Partial<GradientThresholds> {
  /** Makes the step whose size is measured, such as `() => optimizer.step()`. */
  readonly step?: (() => R) | undefined;
}

/** Parameters with their names, as `model.namedParameters()` gives them. */
export type NamedParameters = Iterable<readonly [name: string, parameter: Tensor]>;

/**
 * Measures gradients and weights per parameter, and where there is a `step`, how far it moves them.
 *
 * The gradients are those that are there after `step`, the weights those before it. All is read from the device at once; where the
 * backend computes asynchronously this throws, before the step.
 */
export function gradientStatistics(
  namedParameters: NamedParameters,
  options: GradientStatisticsOptions = {},
): GradientReport {
  const op = "gradientStatistics";
  const measurement = new Measurement(op, namedParameters, options);
  measurement.rejectAsynchronous(op);
  try {
    options.step?.();
    return measurement.report(measurement.take().dataSync());
  } finally {
    measurement.dispose();
  }
}

/** `gradientStatistics` on any backend, with a `step` that may return a promise. */
export async function gradientStatisticsAsync(
  namedParameters: NamedParameters,
  options: GradientStatisticsOptions = {},
): Promise<GradientReport> {
  const measurement = new Measurement("gradientStatisticsAsync", namedParameters, options);
  try {
    await options.step?.();
    return measurement.report(await measurement.take().data());
  } finally {
    measurement.dispose();
  }
}

const CHECKS = { step: optional(callable), vanishing: nonNegative, exploding: nonNegative };

/** Where small norms are lost in weights around 1, as float32 is that fine; and what no clipping lets through. */
const THRESHOLDS: GradientThresholds = { vanishing: 1e-7, exploding: 1e3 };

/** One look at some parameters: the weights are remembered from the beginning, the rest is computed by `take`. */
class Measurement {
  readonly #named: readonly (readonly [name: string, parameter: Tensor])[];
  readonly #thresholds: GradientThresholds;
  readonly #before: readonly Tensor[] | null;
  #hasGradient: readonly boolean[] = [];
  #taken: Tensor | null = null;

  constructor(op: string, named: NamedParameters, options: GradientStatisticsOptions) {
    const { step, vanishing, exploding } = settled<GradientStatisticsOptions & GradientThresholds>(
      op,
      options,
      THRESHOLDS,
      CHECKS,
    );
    this.#thresholds = { vanishing, exploding };
    this.#named = pairsIn(op, named);
    // Steps replace values, so that to remember one costs nothing but its memory.
    this.#before = step === undefined ? null : this.#named.map(([, p]) => owned(p));
  }

  rejectAsynchronous(op: string): void {
    const deferred = this.#named.find(([, p]) => !p.backend.synchronous)?.[1].backend;
    if (deferred === undefined) return;
    this.dispose();
    throw new BackendError(op, `backend "${deferred.name}" computes asynchronously`, `use await ${op}Async()`);
  }

  /** All numbers as one tensor, five for each parameter. */
  take(): Tensor {
    const dtype = this.#named.some(([, p]) => p.dtype === "float64") ? "float64" : "float32";
    this.#hasGradient = this.#named.map(([, p]) => (peekGrad(p)?.numel() ?? 0) > 0);
    const numbersOf = (p: Tensor, i: number): Tensor[] => {
      const w = this.#before?.[i] ?? p;
      const g = this.#hasGradient[i] ? peekGrad(p)! : zeros([1], { backend: p.backend });
      return [g.norm(), g.abs().amax(), g.eq(0).to(dtype).mean(), w.norm(), p.sub(w).norm()].map((x) => x.to(dtype));
    };
    this.#taken = keep(noGrad(() => scope(() => stack(this.#named.flatMap(([, p], i) => numbersOf(p, i))))));
    return this.#taken;
  }

  report(numbers: TypedArray): GradientReport {
    const statistics = this.#named.map(([name, { shape }], i): GradientStatistics => {
      const [gradNorm, gradMaxAbs, gradZeros, weightNorm, updateNorm] = numbers.subarray(5 * i) as unknown as number[];
      const gradient = this.#hasGradient[i] ? { gradNorm, gradMaxAbs, gradZeros } : NO_GRADIENT;
      // What does not move has a ratio of 0, also where the weights are 0.
      const update = { updateNorm, updateRatio: updateNorm === 0 ? 0 : updateNorm! / weightNorm! };
      return {
        name,
        shape,
        ...gradient,
        weightNorm,
        ...(this.#before === null ? NO_UPDATE : update),
      } as GradientStatistics;
    });
    return new GradientReport(statistics, this.#thresholds);
  }

  dispose(): void {
    for (const w of this.#before ?? []) w.dispose();
    this.#taken?.dispose();
  }
}

const NO_GRADIENT = { gradNorm: null, gradMaxAbs: null, gradZeros: null };
const NO_UPDATE = { updateNorm: null, updateRatio: null };

function pairsIn(op: string, named: NamedParameters): (readonly [name: string, parameter: Tensor])[] {
  const pairs = listed(op, named);
  const isPair = (item: unknown): boolean =>
    Array.isArray(item) && typeof item[0] === "string" && item[1] instanceof Tensor;
  const bad = pairs.findIndex((item) => !isPair(item));
  if (bad < 0 && pairs.length > 0) return pairs as (readonly [string, Tensor])[];
  const problem =
    bad < 0 ? "there are no parameters" : `item ${bad} is ${shown(pairs[bad])}, not a name with a parameter`;
  throw new ArgumentError(op, problem, "pass module.namedParameters()");
}
