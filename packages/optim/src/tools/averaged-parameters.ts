import { ArgumentError, detach, isFloat, lerp, noGrad, StateDictError, scope, show, Tensor } from "@descent/core";
import "@descent/core/methods";
import { callable, checked, count, flag, fraction, shown } from "../checks.ts";
import { owned, settled, type Variable, variablesIn } from "./arguments.ts";

/** The average after one more value `p`, where `n ≥ 1` values are in `average` already. */
export type AvgFn = (average: Tensor, p: Tensor, n: number) => Tensor;

/** All values count alike: stochastic weight averaging (Izmailov et al. 2018; Polyak & Juditsky 1992). */
export const getSwaAvgFn = (): AvgFn => (average, p, n) => lerp(average, p, 1 / (n + 1));

/** Options of `getEmaAvgFn`. */
export interface EmaOptions {
  /** Takes `(1 + n) / (10 + n)` while that is less than the decay, so that the first values are soon forgotten. Default false. */
  readonly warmup?: boolean;
}

/** An exponential moving average, `decay · average + (1 − decay) · p`. The default decay is 0.999. */
export function getEmaAvgFn(decay = 0.999, options: EmaOptions = {}): AvgFn {
  checked("getEmaAvgFn", { decay }, { decay: fraction });
  const { warmup } = settled<Required<EmaOptions>>("getEmaAvgFn", options, { warmup: false }, { warmup: flag });
  return (average, p, n) => lerp(average, p, 1 - (warmup ? Math.min(decay, (1 + n) / (10 + n)) : decay));
}

/** Options of `AveragedParameters`. */
export interface AveragedParametersOptions {
  /** How values are averaged. Default `getSwaAvgFn()`, all alike; `getEmaAvgFn()` forgets old ones. */
  readonly avgFn?: AvgFn;
}

/** The state of `AveragedParameters`. */
export interface AveragedParametersStateDict {
  /** The number of values that were averaged. */
  readonly nAveraged: number;
  readonly averages: readonly Tensor[];
}

/**
 * Averages of parameters over training (PyTorch's `AveragedModel`), to evaluate with or to go on from.
 *
 * Buffers may be among the parameters; of integers the last value is kept. Before the first `update()` the averages are the values that the
 * parameters had when this was made.
 */
export class AveragedParameters {
  readonly #parameters: readonly Variable[];
  readonly #avgFn: AvgFn;
  /** Private aliases, which no scope frees. */
  #averages: Tensor[];
  #nAveraged = 0;
  #isSwapped = false;

  constructor(parameters: Iterable<Variable>, options: AveragedParametersOptions = {}) {
    const op = "AveragedParameters";
    const { avgFn } = settled<Required<AveragedParametersOptions>>(
      op,
      options,
      { avgFn: getSwaAvgFn() },
      { avgFn: callable },
    );
    this.#parameters = variablesIn(op, parameters);
    this.#avgFn = avgFn;
    this.#averages = this.#parameters.map(owned);
  }

  /** The number of values that were averaged. */
  get nAveraged(): number {
    return this.#nAveraged;
  }

  /** Takes the present values into the averages. The first ones are copied. */
  update(): void {
    this.#rejectSwapped("update");
    const n = this.#nAveraged;
    const next = (p: Tensor, i: number): Tensor =>
      n === 0 || !isFloat(p.dtype) ? p : this.#avgFn(this.#averages[i]!, detach(p), n);
    noGrad(() => scope(() => this.#replace(this.#parameters.map(next))));
    this.#nAveraged = n + 1;
  }

  /** Exchanges averages and present values; a second time, it gives back what was there, to the bit. Until then nothing else is possible. */
  swap(): void {
    this.#rejectMisfits("swap", this.#parameters);
    scope(() => {
      const live = this.#parameters.map(detach);
      for (const [i, p] of this.#parameters.entries()) p.assign(this.#averages[i]!);
      this.#replace(live);
    });
    this.#isSwapped = !this.#isSwapped;
  }

  /** Gives the averages to the parameters, or to others of the same shapes, such as those of a second model. */
  copyTo(parameters: Iterable<Variable> = this.#parameters): void {
    this.#rejectSwapped("copyTo");
    const targets = variablesIn("AveragedParameters.copyTo", parameters);
    this.#rejectMisfits("copyTo", targets);
    for (const [i, p] of targets.entries()) p.assign(this.#averages[i]!);
  }

  /** The averages, as snapshots that no later update changes. `avgFn` is not saved. */
  stateDict(): AveragedParametersStateDict {
    this.#rejectSwapped("stateDict");
    return { nAveraged: this.#nAveraged, averages: this.#averages.map(detach) };
  }

  /** Takes over what `stateDict()` gave. Throws with all that does not fit, before anything changes. */
  loadStateDict(dict: AveragedParametersStateDict): void {
    this.#rejectSwapped("loadStateDict");
    const { nAveraged, averages } = dict;
    const problems = Array.isArray(averages) ? misfits(averages, this.#averages) : ["averages is no list"];
    if (!count.test(nAveraged)) problems.push(`nAveraged is ${shown(nAveraged)}, expected ${count.expected}`);
    if (problems.length > 0)
      throw new StateDictError("AveragedParameters.loadStateDict", problems.join("; "), "pass what stateDict() gave");
    this.#replace(averages);
    this.#nAveraged = nAveraged;
  }

  #replace(values: readonly Tensor[]): void {
    const old = this.#averages;
    this.#averages = values.map(owned);
    for (const average of old) average.dispose();
  }

  #rejectMisfits(method: string, targets: readonly Variable[]): void {
    const problems = misfits(this.#averages, targets);
    if (problems.length > 0)
      throw new ArgumentError(
        `AveragedParameters.${method}`,
        problems.join("; "),
        "the parameters have to be as they were when their averages began",
      );
  }

  #rejectSwapped(method: string): void {
    if (this.#isSwapped)
      throw new ArgumentError(
        `AveragedParameters.${method}`,
        "the averages are in the parameters",
        "call swap() first",
      );
  }
}

/** Where values cannot stand in the places of others, in sentences. */
function misfits(values: readonly unknown[], places: readonly Tensor[]): string[] {
  if (values.length !== places.length) return [`${values.length} averages for ${places.length} parameters`];
  return places.flatMap((place, i) => {
    const value = values[i];
    const fits = value instanceof Tensor && placeOf(value) === placeOf(place) && value.backend === place.backend;
    return fits ? [] : [`average ${i} is ${placeOf(value)}, parameter ${i} ${placeOf(place)}`];
  });
}

const placeOf = (x: unknown): string =>
  x instanceof Tensor ? `${x.dtype} ${show(x.shape)} on "${x.backend.name}"` : shown(x);
