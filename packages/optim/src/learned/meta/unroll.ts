import {
  detach,
  enableGrad,
  type GradOptions,
  grad,
  isGradEnabled,
  noGrad,
  scope,
  type Tensor,
  Workspace,
  zerosLike,
} from "@descent/core";
import { mapTensors, type State, tensorsOf } from "../../base/rule.ts";
import { flag, positiveInteger } from "../../checks.ts";
import { settled } from "../../tools/arguments.ts";
import type { LearnedRule, Weights } from "../base/learned-rule.ts";
import type { Task } from "../tasks/task.ts";

/** Where the optimization of a task stands: all that its next step depends on, but for the weights of the rule. */
export interface InnerState<S, C> {
  /** Steps that were made. */
  readonly step: number;
  readonly values: readonly Tensor[];
  readonly states: readonly S[];
  readonly shared: C;
}

/** Options of `unroll`. */
export interface UnrollOptions {
  /** Inner steps, at least 1. */
  readonly steps: number;
  /**
   * Whether meta-gradients flow through the gradients of the task too, with a double backward. Otherwise those are constants, as in
   * Andrychowicz et al. (2016). Default false.
   */
  readonly secondDerivatives?: boolean;
}

/** What came of some inner steps. */
export interface Unrolled<S, C> {
  /** The loss after each step, at the mini-batch of the next one: a part of the tape of the weights. */
  readonly losses: readonly Tensor[];
  /** Where it ends. A window that begins here is the next one of truncated back-propagation: no gradient flows back across. */
  readonly end: InnerState<S, C>;
}

/** The beginning of a task, before the first step. */
export function begin<H extends object, S extends State<S>, C extends State<C>>(
  rule: LearnedRule<H, S, C>,
  task: Task,
  hyper: H = rule.defaults,
): InnerState<S, C> {
  return scope(() => {
    const values = task.initial.map(detach);
    return { step: 0, values, states: values.map((p) => rule.init(p, hyper)), shared: rule.begin(hyper) };
  });
}

/**
 * Optimizes a task for some steps with a learned rule, from where it stands.
 *
 * Where the weights require gradients and gradients are on, the losses can be differentiated with respect to the weights: the whole
 * unrolled optimization is on the tape. Otherwise nothing outlives its step.
 */
export function unroll<H extends object, S extends State<S>, C extends State<C>>(
  rule: LearnedRule<H, S, C>,
  weights: Weights,
  task: Task,
  from: InnerState<S, C>,
  options: UnrollOptions,
  hyper: H = rule.defaults,
): Unrolled<S, C> {
  const { steps, secondDerivatives } = settled(
    "unroll",
    options,
    { steps: options?.steps, secondDerivatives: false },
    { steps: positiveInteger, secondDerivatives: flag },
  );
  const isTracked = isGradEnabled() && Object.values(weights).some((w) => w.requiresGrad);
  /** The loss, with a tape for whoever asks for gradients: the next step, or the caller. */
  const lossAt = (values: readonly Tensor[], t: number): Tensor => {
    const mode = isTracked || t < from.step + steps ? enableGrad : noGrad;
    return mode(() => task.loss(values, t));
  };
  const start = (): Standing<S, C> => {
    const values = from.values.map(leaf);
    return { now: { ...from, values }, loss: lossAt(values, from.step) };
  };
  const advance = ({ now, loss }: Standing<S, C>): Standing<S, C> => {
    const { values, states, shared } = now;
    const t = now.step + 1;
    // No weight has a part in where the window begins, and its first loss is not returned.
    const isOnTape = isTracked && now.step > from.step;
    const createGraph = isOnTape && secondDerivatives;
    const gradients = gradientsOf(loss, values, { createGraph, retainGraph: isOnTape });
    const seen = rule.usesLoss ? (createGraph ? loss : detach(loss)) : null;
    const members = values.map((p, i) => ({
      p: isOnTape ? p : detach(p),
      g: gradients[i]!,
      state: states[i]!,
      hyper,
      t,
    }));
    const outcome = isTracked
      ? rule.update(weights, members, shared, seen)
      : noGrad(() => rule.update(weights, members, shared, seen));
    const next = {
      step: t,
      values: isTracked ? outcome.values : outcome.values.map(leaf),
      states: outcome.states ?? states,
      shared: outcome.shared,
    };
    return { now: next, loss: lossAt(next.values, t) };
  };
  if (isTracked) {
    let standing = start();
    const losses = Array.from({ length: steps }, () => {
      standing = advance(standing);
      return standing.loss;
    });
    return { losses, end: withoutTape(standing.now) };
  }
  const workspace = new Workspace();
  try {
    let standing = workspace.run(start);
    const losses = Array.from({ length: steps }, () => {
      standing = workspace.run(() => advance(standing));
      workspace.dispose([standing.loss, ...tensorsIn(standing.now)]);
      return detach(standing.loss);
    });
    return { losses, end: withoutTape(standing.now) };
  } finally {
    workspace.dispose();
  }
}

/** An inner state, and the loss there. */
interface Standing<S, C> {
  readonly now: InnerState<S, C>;
  readonly loss: Tensor;
}

/** A tensor of its own that gradients are asked of. */
export function leaf(x: Tensor): Tensor {
  const y = detach(x);
  y.requiresGrad = true;
  return y;
}

/** Gradients of a loss; zeros for values that it does not depend on. */
export function gradientsOf(loss: Tensor, values: readonly Tensor[], options: GradOptions = {}): Tensor[] {
  return grad(loss, values, { ...options, allowUnused: true }).map((g, i) => g ?? zerosLike(values[i]!));
}

/** The same state without the tape behind it, in tensors of its own. */
export const withoutTape = <S extends State<S>, C extends State<C>>(state: InnerState<S, C>): InnerState<S, C> => ({
  step: state.step,
  values: state.values.map(detach),
  states: state.states.map((s) => mapTensors(s, detach)),
  shared: mapTensors(state.shared, detach),
});

/** The tensors of an inner state. */
export const tensorsIn = <S extends State<S>, C extends State<C>>(state: InnerState<S, C>): Tensor[] => [
  ...state.values,
  ...state.states.flatMap((s) => tensorsOf(s)),
  ...tensorsOf(state.shared),
];
