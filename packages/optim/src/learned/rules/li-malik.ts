import { abs, add, div, eq, stack, sub, type Tensor, where, zerosLike } from "@descent/core";
import "@descent/core/methods";
import { nonNegative, positiveInteger } from "../../checks.ts";
import { settled } from "../../tools/arguments.ts";
import type { LearnedRule } from "../base/learned-rule.ts";
import { meanOf } from "../base/mean.ts";
import { applyLinear, linearWeights, lstmCell, lstmWeights } from "./layers.ts";

/** The options of `LiMalikOptimizer`. */
export interface LiMalikHyper {
  /** What the output of the network is multiplied with. Default 0.1. */
  readonly lr: number;
}

/** What the features of a parameter are computed from, latest first, and the state of the policy, `[elements, units]`. */
export interface LiMalikState {
  /** The last iterates and gradients. */
  readonly iterates: readonly Tensor[];
  readonly gradients: readonly Tensor[];
  /** Their averages at each of the last steps. */
  readonly meanIterates: readonly Tensor[];
  readonly meanGradients: readonly Tensor[];
  readonly h: Tensor;
  readonly c: Tensor;
}

/** The last losses, and their averages, latest first. */
export interface LiMalikShared {
  readonly losses: readonly Tensor[];
  readonly meanLosses: readonly Tensor[];
}

/** The architecture of `liMalikRule`. The defaults are the observation features; history 25, stride 5 and average 3 are the state features. */
export interface LiMalikArchitecture {
  /** How many changes the features look back upon. Default 1. */
  readonly history?: number;
  /** Steps between two looks back. Default 1. */
  readonly stride?: number;
  /** Steps that iterates, gradients and losses are averaged over. Default 1. */
  readonly average?: number;
  /** Units of the LSTM. Default 20. */
  readonly units?: number;
}

/** A sequence at step `t` (0, 1, …): its values at `t − i`, for those i that are kept. */
type Past = readonly Tensor[];

/** Where features look: `stride` steps between two looks. */
interface Looks {
  readonly history: number;
  readonly stride: number;
}

/** `(f(t − si) − f(t − s(i+1))) / f(t − s(i+1))` for i = 0 … history − 1; zero where that is before the first step. */
export const lossFeatures = (f: Past, t: number, { history, stride: s }: Looks): Tensor[] =>
  looks(history, (i) => {
    if (t < s * (i + 1)) return zerosLike(f[0]!);
    const before = f[s * (i + 1)]!;
    // A loss of exactly zero changes by as much as it has become.
    return div(sub(f[s * i]!, before), where(eq(before, 0), 1, before));
  });

/** `g(t − si) / (|g(max(t − s(i+1), t mod s))| + 1)` for i = 0 … history; zero where that is before the first step. */
export const gradientFeatures = (g: Past, t: number, { history, stride: s }: Looks): Tensor[] =>
  looks(history + 1, (i) => {
    if (t < s * i) return zerosLike(g[0]!);
    const back = t - Math.max(t - s * (i + 1), t % s);
    return div(g[s * i]!, add(abs(g[back]!), 1));
  });

/** `|x(max(t − s(i+1), t mod s + s)) − x(max(t − s(i+2), t mod s))| / (|x(t − si) − x(t − s(i+1))| + 0.1)` for i = 0 … history − 1. */
export const iterateFeatures = (x: Past, t: number, { history, stride: s }: Looks): Tensor[] =>
  looks(history, (i) => {
    if (t < s * (i + 1)) return zerosLike(x[0]!);
    const [from, to] = [t - Math.max(t - s * (i + 1), (t % s) + s), t - Math.max(t - s * (i + 2), t % s)];
    const change = abs(sub(x[s * i]!, x[s * (i + 1)]!));
    return div(abs(sub(x[from]!, x[to]!)), add(change, 0.1));
  });

const looks = (count: number, feature: (i: number) => Tensor): Tensor[] =>
  Array.from({ length: count }, (_, i) => feature(i));

/** A sequence with one more value in front, of the same length. */
const pushed = (past: Past, x: Tensor, length = past.length): Past => [x, ...past].slice(0, length);

/** The mean of the values so far: of those that are kept, but for what stands before the first step. */
const meanSoFar = (past: Past, t: number): Tensor => meanOf(past.slice(0, t + 1));

/**
 * The policy of Li & Malik (2017), "Learning to Optimize Neural Nets": an LSTM, the same for every element, that sees how loss, gradient and
 * iterate have changed (section 4.4), and whose output is the step. They find its weights by guided policy search; here they are trained as
 * those of other learned optimizers. The loss is an input: steps need a closure.
 */
export function liMalikRule(
  architecture: LiMalikArchitecture = {},
): LearnedRule<LiMalikHyper, LiMalikState, LiMalikShared> {
  const { history, stride, average, units } = settled(
    "liMalikRule",
    architecture,
    { history: 1, stride: 1, average: 1, units: 20 },
    { history: positiveInteger, stride: positiveInteger, average: positiveInteger, units: positiveInteger },
  );
  const at = { history, stride };
  const depth = stride * (history + 1) + 1;
  return {
    name: "LiMalikOptimizer",
    usesLoss: true,
    defaults: { lr: 0.1 },
    checks: { lr: nonNegative },
    initialize: (options) => ({
      ...lstmWeights("policy", 3 * history + 1, units, options),
      ...linearWeights("output", units, 1, options),
    }),
    init(p) {
      const copies = (x: Tensor, count: number): Tensor[] => Array.from({ length: count }, () => x);
      const g = zerosLike(p);
      const nothing = zerosLike(p.reshape([-1, 1]).expand([p.numel(), units]));
      return {
        iterates: copies(p, average),
        gradients: copies(g, average),
        meanIterates: copies(p, depth),
        meanGradients: copies(g, depth),
        h: nothing,
        c: nothing,
      };
    },
    begin: () => ({ losses: [], meanLosses: [] }),
    update(weights, members, shared, loss) {
      const last = Math.max(0, ...members.map(({ t }) => t - 1));
      const losses = pushed(shared.losses, loss!, Math.min(average, shared.losses.length + 1));
      const meanLosses = pushed(shared.meanLosses, meanOf(losses), Math.min(depth, shared.meanLosses.length + 1));
      const changes = lossFeatures(meanLosses, Math.min(last, meanLosses.length - 1), at);
      const moved = members.map(({ p, g, state, hyper, t }) => {
        const [iterates, gradients] = [pushed(state.iterates, p), pushed(state.gradients, g)];
        const meanIterates = pushed(state.meanIterates, meanSoFar(iterates, t - 1));
        const meanGradients = pushed(state.meanGradients, meanSoFar(gradients, t - 1));
        const features = [
          ...changes.map((change) => change.expand(p.shape)),
          ...gradientFeatures(meanGradients, t - 1, at),
          ...iterateFeatures(meanIterates, t - 1, at),
        ].map((feature) => feature.reshape([-1]));
        const { h, c } = lstmCell(weights, "policy", stack(features, 1), state.h, state.c);
        const value = add(p, applyLinear(weights, "output", h).reshape(p.shape).mul(hyper.lr));
        return { value, state: { iterates, gradients, meanIterates, meanGradients, h, c } };
      });
      return {
        values: moved.map(({ value }) => value),
        states: moved.map(({ state }) => state),
        shared: { losses, meanLosses },
      };
    },
  };
}
