/** What a line search has come to. */
export interface Settled {
  /** The step to make. */
  readonly length: number;
  /** The step that the next search begins with, before it is reset. */
  readonly stepSize: number;
}

/** A search that yields the steps it wants to try, and is sent the loss after them. */
export type LineSearch = Generator<number, Settled, number>;

/** Options of both searches. */
export interface BacktrackingOptions {
  /** The part of the decrease that the gradient promises which has to be there. */
  readonly c: number;
  /** What shortens a step that is too long. */
  readonly betaB: number;
}

/** Options of `goldstein`. */
export interface GoldsteinOptions extends BacktrackingOptions {
  /** What lengthens a step that is too short. */
  readonly betaF: number;
  /** The longest step that a lengthening leads to. */
  readonly etaMax: number;
}

const TRIALS = 100;
/** The step where no trial was good enough. */
const LAST_RESORT = 1e-6;

/** Shortens `eta` until `f(x − eta g) ≤ f − c eta ‖g‖²` (Armijo 1966); `gg` is ‖g‖². A loss of NaN counts as too large. */
export function* armijo(f: number, gg: number, eta: number, { c, betaB }: BacktrackingOptions): LineSearch {
  let stepSize = eta;
  for (let i = 0; i < TRIALS; i++) {
    const loss = yield stepSize;
    if (loss <= f - stepSize * c * gg) return { length: stepSize, stepSize };
    stepSize *= betaB;
  }
  return { length: LAST_RESORT, stepSize };
}

/**
 * Shortens and lengthens `eta` until the decrease is at least `c`, and at most `1 − c`, times what the gradient promises (Goldstein
 * 1965). Where it finds no such step, it makes the last that it has tried.
 */
export function* goldstein(
  f: number,
  gg: number,
  eta: number,
  { c, betaB, betaF, etaMax }: GoldsteinOptions,
): LineSearch {
  let stepSize = eta;
  let length = eta;
  for (let i = 0; i < TRIALS; i++) {
    length = stepSize;
    const loss = yield length;
    const isLow = loss <= f - length * c * gg;
    if (isLow && loss >= f - length * (1 - c) * gg) break;
    stepSize = isLow ? Math.min(length * betaF, etaMax) : Math.max(length * betaB, 1e-8);
  }
  return { length, stepSize };
}
