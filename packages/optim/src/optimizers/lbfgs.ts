import { abs, cast, cat, dot, max, narrow, neg, reshape, scope, sum, Tensor } from "@descent/core";
import { forgetAllBut, gradientsAt, type JointRule, numbers, type Steps } from "../base/joint-rule.ts";
import { Optimizer } from "../base/optimizer.ts";
import type { Params } from "../base/param-groups.ts";
import { tensorsOf } from "../base/rule.ts";
import { flag, nonNegative, oneOf, orNull, positiveInteger } from "../checks.ts";
import { type Found, type Sample, strongWolfe } from "./strong-wolfe.ts";

/** Options of LBFGS. */
export interface LBFGSHyper {
  /** The length of a step in units of its direction; with a line search, of the first that is tried. Default 1. */
  readonly lr: number;
  /** The most iterations in a step. Default 20. */
  readonly maxIter: number;
  /** The most evaluations in a step. Default `null`: ⌊5/4 maxIter⌋. */
  readonly maxEval: number | null;
  /** The largest element of a gradient that counts as zero. Default 1e-7. */
  readonly toleranceGrad: number;
  /** The change of loss, of the parameters or of both that counts as none. Default 1e-9. */
  readonly toleranceChange: number;
  /** How many steps the curvature is estimated from. Default 100. */
  readonly historySize: number;
  /** Default `null`: steps of fixed length. */
  readonly lineSearchFn: "strong_wolfe" | null;
  /** Climbs instead of descending. Default false. */
  readonly maximize: boolean;
}

/** How the gradient has changed along the last steps, the oldest first. */
export interface LBFGSHistory {
  /** Differences of gradients, `y`. */
  readonly oldDirs: readonly Tensor[];
  /** Differences of parameters, `s`. */
  readonly oldStps: readonly Tensor[];
  /** `1 / yᵀs`. */
  readonly ro: readonly number[];
  /** The scale of the inverse Hessian before any of them is taken into account. */
  readonly HDiag: number;
}

/** What LBFGS remembers. Vectors hold all parameters, one after the other. */
export interface LBFGSState extends LBFGSHistory {
  readonly funcEvals: number;
  readonly nIter: number;
  /** The last direction, and the length of the step along it. */
  readonly d: Tensor | null;
  readonly t: number;
  /** The gradient where the last iteration began. */
  readonly prevFlatGrad: Tensor | null;
}

/** A place, what is known of it, and where it lies along the direction by which it was reached. */
interface Point extends Sample {
  readonly x: readonly Tensor[];
  readonly g: Tensor;
  /** The largest element of `g`. */
  readonly size: number;
}

/** Minus the gradient, times the inverse Hessian as the history has it (Nocedal 1980; Nocedal & Wright 2006, algorithm 7.4). */
export function lbfgsDirection(g: Tensor, { oldDirs: y, oldStps: s, ro, HDiag }: LBFGSHistory): Tensor {
  return scope(() => {
    let q = neg(g);
    const al: Tensor[] = [];
    for (let i = y.length - 1; i >= 0; i--) {
      al[i] = dot(s[i]!, q).mul(ro[i]!);
      q = q.sub(y[i]!.mul(al[i]!));
    }
    let r = q.mul(HDiag);
    for (let i = 0; i < y.length; i++) {
      const be = dot(y[i]!, r).mul(ro[i]!);
      r = r.add(s[i]!.mul(al[i]!.sub(be)));
    }
    return r;
  });
}

/** The history after a step `s` along which the gradient has changed by `y`, if the function curves upwards there. */
function* remembered(y: Tensor, s: Tensor, history: LBFGSHistory, size: number): Steps<LBFGSHistory> {
  const [ys, yy] = (yield* numbers(dot(y, s), dot(y, y))) as [number, number];
  if (!(ys > 1e-10)) return history;
  return {
    oldDirs: [...history.oldDirs, y].slice(-size),
    oldStps: [...history.oldStps, s].slice(-size),
    ro: [...history.ro, 1 / ys].slice(-size),
    HDiag: ys / yy,
  };
}

/** One vector of all elements, in the widest dtype. */
const flat = (tensors: readonly Tensor[]): Tensor =>
  scope(() => {
    const { dtype } = tensors.find((x) => x.dtype === "float64") ?? tensors[0]!;
    return cat(tensors.map((x) => cast(reshape(x, [-1]), dtype)));
  });

/** The parameters after a step of length `t` along `d`. */
const moved = (x: readonly Tensor[], d: Tensor, t: number): Tensor[] =>
  scope(() => {
    let at = 0;
    return x.map((p) => {
      const part = narrow(d, 0, at, p.numel());
      at += p.numel();
      return p.add(cast(reshape(part, p.shape), p.dtype).mul(t));
    });
  });

/** Evaluates loss and gradient at `x`, to which a step of length `t` along `d` has led. */
function* evaluated({ maximize }: LBFGSHyper, x: readonly Tensor[], t = 0, d: Tensor | null = null): Steps<Point> {
  const { loss, gradients } = yield* gradientsAt(x);
  const uphill = flat(gradients);
  const g = maximize ? neg(uphill) : uphill;
  const [size, slope = 0] = (yield* numbers(max(abs(g)), ...(d === null ? [] : [dot(g, d)]))) as [number, number?];
  return { t, x, f: maximize ? -loss : loss, g, size, slope };
}

/** The length of the first step: along a gradient whose elements add up to more than 1, the inverse of that. */
function* cautious(g: Tensor): Steps<number> {
  const [norm] = (yield* numbers(sum(abs(g)))) as [number];
  return norm > 1 ? 1 / norm : 1;
}

/** Looks for the place to go to along `d`, where the function has the slope of `start`. */
function* searched(
  hyper: LBFGSHyper,
  start: Point,
  t: number,
  d: Tensor,
  length: number,
  maxSteps: number,
): Steps<Found<Point>> {
  const search = strongWolfe(start, t, { maxSteps, toleranceChange: hyper.toleranceChange, size: length });
  let next = search.next();
  while (!next.done) next = search.next(yield* evaluated(hyper, moved(start.x, d, next.value), next.value, d));
  return next.value;
}

/** What is wrong with a saved state: every vector has to hold all parameters. */
function fits(state: LBFGSState, parameters: readonly Tensor[]): string | null {
  const n = parameters.reduce((sum, p) => sum + p.numel(), 0);
  const dtypes = new Set<unknown>(parameters.map(({ dtype }) => dtype));
  const { backend } = parameters[0]!;
  const { d, prevFlatGrad, oldDirs, oldStps, ro } = state;
  const vectors: readonly unknown[] = [...oldDirs, ...oldStps, ...(d === null ? [] : [d, prevFlatGrad])];
  const isRight = (x: unknown): boolean =>
    x instanceof Tensor && x.ndim === 1 && x.numel() === n && dtypes.has(x.dtype) && x.backend === backend;
  return vectors.every(isRight) && oldDirs.length === ro.length && oldStps.length === ro.length
    ? null
    : `does not hold ${[...dtypes].join(" or ")} vectors of the ${n} elements of all parameters on "${backend.name}", and as many of each kind`;
}

/** BFGS with limited memory (Liu & Nocedal 1989), as PyTorch has it after minFunc. */
export const lbfgsRule: JointRule<LBFGSHyper, Record<never, never>, LBFGSState> = {
  name: "LBFGS",
  defaults: {
    lr: 1,
    maxIter: 20,
    maxEval: null,
    toleranceGrad: 1e-7,
    toleranceChange: 1e-9,
    historySize: 100,
    lineSearchFn: null,
    maximize: false,
  },
  checks: {
    lr: nonNegative,
    maxIter: positiveInteger,
    maxEval: orNull(positiveInteger),
    toleranceGrad: nonNegative,
    toleranceChange: nonNegative,
    historySize: positiveInteger,
    lineSearchFn: oneOf("strong_wolfe", null),
    maximize: flag,
  },
  closure: "backward",
  oneGroup: true,
  init: () => ({}),
  begin: () => ({
    oldDirs: [],
    oldStps: [],
    ro: [],
    HDiag: 1,
    funcEvals: 0,
    nIter: 0,
    d: null,
    t: 0,
    prevFlatGrad: null,
  }),
  fits,
  *step(members, before) {
    const { hyper } = members[0]!;
    const { lr, maxIter, maxEval, toleranceGrad, toleranceChange, historySize, lineSearchFn } = hyper;
    const most = maxEval ?? Math.floor((maxIter * 5) / 4);
    let state = before;
    let point = yield* evaluated(
      hyper,
      members.map(({ p }) => p),
    );
    let evaluations = 1;
    // Conditions are written so that NaN fails all of them: what has diverged goes on to the end, as in PyTorch.
    for (let i = 1; i <= maxIter && !(point.size <= toleranceGrad); i++) {
      const { g, f } = point;
      const nIter = state.nIter + 1;
      const history =
        state.d === null || state.prevFlatGrad === null
          ? state
          : yield* remembered(g.sub(state.prevFlatGrad), state.d.mul(state.t), state, historySize);
      const d = lbfgsDirection(g, history);
      const [slope, length] = (yield* numbers(dot(g, d), max(abs(d)))) as [number, number];
      let t = nIter === 1 ? lr * (yield* cautious(g)) : lr;
      state = { ...state, ...history, nIter, d, t, prevFlatGrad: g };
      if (slope > -toleranceChange) break;
      if (lineSearchFn !== null) {
        const found = yield* searched(hyper, { ...point, t: 0, slope }, t, d, length, most - evaluations);
        point = found.point;
        t = point.t;
        evaluations += found.evaluations;
      } else if (i < maxIter) {
        point = yield* evaluated(hyper, moved(point.x, d, t), t);
        evaluations++;
      } else point = { ...point, x: moved(point.x, d, t) };
      state = { ...state, t };
      yield* forgetAllBut([...tensorsOf(state), ...point.x, point.g]);
      if (evaluations >= most || length * Math.abs(t) <= toleranceChange || Math.abs(point.f - f) < toleranceChange)
        break;
    }
    return { values: point.x, shared: { ...state, funcEvals: state.funcEvals + evaluations } };
  },
};

/**
 * BFGS with limited memory, with a line search where asked for. `step` needs a closure, and calls it several times.
 *
 * All parameters have the same options and backend. Those without a gradient stay where they are.
 */
export class LBFGS extends Optimizer<LBFGSHyper, Record<never, never>, LBFGSState> {
  constructor(params: Params<LBFGSHyper>, options?: Partial<LBFGSHyper>) {
    super(lbfgsRule, params, options);
  }
}
