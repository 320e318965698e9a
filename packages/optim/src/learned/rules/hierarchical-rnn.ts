import {
  asinh,
  cat,
  clamp,
  detach,
  exp,
  log,
  type RandomOptions,
  randn,
  sigmoid,
  sqrt,
  type Tensor,
  uniform,
  zeros,
} from "@descent/core";
import "@descent/core/methods";
import { nonNegative, positive, positiveInteger } from "../../checks.ts";
import { settled } from "../../tools/arguments.ts";
import type { LearnedRule, Weights } from "../base/learned-rule.ts";
import { applyLinear, gruCell, gruWeights } from "./layers.ts";

/** The options of `HierarchicalRNNOptimizer`. */
export interface HierarchicalRNNHyper {
  /** What steps are multiplied with. Default 1. */
  readonly lr: number;
  /** The learning rate that every element begins with; the network changes it. Default 1e-2. */
  readonly startRate: number;
}

/** What is known of a parameter of n elements. */
export interface HierarchicalRNNState {
  /** The hidden state of every element, `[n, units]`. */
  readonly elements: Tensor;
  /** That of the whole tensor, `[1, units]`. */
  readonly tensor: Tensor;
  /** Moving averages of the gradient at every time scale, `[n, scales]`, and of their squares. */
  readonly averages: Tensor;
  readonly squares: Tensor;
  /** How fast both forget, `[n, 1]`. */
  readonly averageDecay: Tensor;
  readonly squareDecay: Tensor;
  /** The logarithm of every element's learning rate, `[n, 1]`. */
  readonly logRate: Tensor;
}

/** The hidden state of the whole problem, `[1, units]`. */
export interface HierarchicalRNNShared {
  readonly problem: Tensor | null;
}

/** The architecture of `hierarchicalRnnRule`. */
export interface HierarchicalRNNArchitecture {
  /** Units of the cells for elements, tensors and the whole problem. Defaults 10, 20 and 20. */
  readonly elementUnits?: number;
  readonly tensorUnits?: number;
  readonly problemUnits?: number;
  /** Time scales of the gradient; each has half the rate of forgetting of the one before. Default 4. */
  readonly scales?: number;
}

/** Moving averages of the gradient at every scale after a step, `[n, scales]`: the first forgets with `decay`, the next with its root. */
export function averagesAt(averages: Tensor, g: Tensor, decay: Tensor): Tensor {
  const decays = [decay];
  while (decays.length < averages.shape[1]!) decays.push(sqrt(decays.at(-1)!));
  const d = cat(decays, 1);
  return averages.mul(d).add(g.sub(g.mul(d)));
}

/** Moving averages of squares after a step: `(1 − d) (a² + 1e-12) + d ms`. */
export const squaresAt = (squares: Tensor, averages: Tensor, decay: Tensor): Tensor => {
  const now = averages.square().add(1e-12);
  return now.add(squares.sub(now).mul(decay));
};

/** What the cells of elements see: gradients scaled by their size, that size at each scale beside others, the rate beside those of the tensor. */
export function inputsOf(averages: Tensor, squares: Tensor, logRate: Tensor): { scaled: Tensor; inputs: Tensor } {
  const scaled = asinh(averages.div(sqrt(squares.add(1e-16))));
  const sizes = log(squares.add(1e-16));
  const inputs = cat([scaled, sizes.sub(sizes.mean(1, { keepdim: true })), logRate.sub(logRate.mean())], 1);
  return { scaled, inputs };
}

/** A clamp whose gradient is that of no clamp at all, so that a rate at its limit can be learned to come back. */
const limited = (x: Tensor): Tensor => x.add(detach(clamp(x, -MOST, MOST).sub(x)));
/** How large logarithms of learning rates may be. */
const MOST = 33;

/** Weights of a small normal distribution, and a bias. */
const projection = (name: string, inputs: number, outputs: number, bias: number, options?: RandomOptions): Weights => ({
  [`${name}.weight`]: randn([outputs, inputs], options).mul(0.1 / Math.sqrt(inputs)),
  [`${name}.bias`]: zeros([outputs], options).add(bias),
});

/**
 * The hierarchical RNN (Wichrowska et al. 2017): a small GRU for every element, one for every tensor that sees the mean of its elements, and
 * one for the problem that sees the mean of the tensors; what the higher ones know comes down as a bias. It sees gradients at several time
 * scales, without their absolute size, and keeps a learning rate for every element.
 */
export function hierarchicalRnnRule(
  architecture: HierarchicalRNNArchitecture = {},
): LearnedRule<HierarchicalRNNHyper, HierarchicalRNNState, HierarchicalRNNShared> {
  const { elementUnits, tensorUnits, problemUnits, scales } = settled<Required<HierarchicalRNNArchitecture>>(
    "hierarchicalRnnRule",
    architecture,
    { elementUnits: 10, tensorUnits: 20, problemUnits: 20, scales: 4 },
    {
      elementUnits: positiveInteger,
      tensorUnits: positiveInteger,
      problemUnits: positiveInteger,
      scales: positiveInteger,
    },
  );
  const seen = 2 * scales + 1;
  const start = (units: number, options?: RandomOptions): Tensor => uniform(-1, 1, [1, units], options);
  return {
    name: "HierarchicalRNNOptimizer",
    defaults: { lr: 1, startRate: 1e-2 },
    checks: { lr: nonNegative, startRate: positive },
    initialize: (options) => ({
      ...gruWeights("element", seen, elementUnits, options),
      ...gruWeights("tensor", seen + elementUnits, tensorUnits, options),
      ...gruWeights("problem", tensorUnits, problemUnits, options),
      "element.start": start(elementUnits, options),
      "tensor.start": start(tensorUnits, options),
      "problem.start": start(problemUnits, options),
      ...projection("tensor_to_element", tensorUnits, 3 * elementUnits, 0, options),
      ...projection("problem_to_element", problemUnits, 3 * elementUnits, 0, options),
      ...projection("problem_to_tensor", problemUnits, 3 * tensorUnits, 0, options),
      ...projection("direction", elementUnits, 1, 0, options),
      shortcut: randn([1, scales], options)
        .mul(0.1 / Math.sqrt(scales))
        .add(1 / scales),
      ...projection("average_decay", elementUnits, 1, 2.2, options),
      ...projection("square_decay", elementUnits, 1, 3.2, options),
      ...projection("rate", elementUnits, 1, 0, options),
      rate_momentum: zeros([], options).add(3.2),
      step_size: zeros([], options).sub(1),
    }),
    init(p, { startRate }) {
      const like = { dtype: p.dtype, backend: p.backend };
      const nothing = (units: number): Tensor => zeros([p.numel(), units], like);
      return {
        elements: nothing(elementUnits),
        tensor: zeros([1, tensorUnits], like),
        averages: nothing(scales),
        squares: nothing(scales),
        averageDecay: nothing(1),
        squareDecay: nothing(1),
        logRate: nothing(1).add(Math.log(startRate)),
      };
    },
    begin: () => ({ problem: null }),
    update(weights, members, { problem: before }) {
      const problem = before ?? weights["problem.start"]!;
      const toElement = applyLinear(weights, "problem_to_element", problem);
      const toTensor = applyLinear(weights, "problem_to_tensor", problem);
      const momentum = sigmoid(weights.rate_momentum!);
      const moved = members.map(({ p, g, state, hyper, t }) => {
        if (p.numel() === 0) return { value: p, state };
        const averages = averagesAt(state.averages, g.reshape([p.numel(), 1]), state.averageDecay);
        const squares = squaresAt(state.squares, averages, state.squareDecay);
        const { scaled, inputs } = inputsOf(averages, squares, state.logRate);
        // States are made without weights, and begin with them.
        const h = t === 1 ? weights["element.start"]!.expand(state.elements.shape) : state.elements;
        const above = t === 1 ? weights["tensor.start"]! : state.tensor;
        const bias = applyLinear(weights, "tensor_to_element", above).add(toElement);
        const elements = gruCell(weights, "element", inputs, h, bias);
        const tensor = gruCell(
          weights,
          "tensor",
          cat([elements, inputs], 1).mean(0, { keepdim: true }),
          above,
          toTensor,
        );

        const pull = applyLinear(weights, "direction", elements).add(
          scaled.mul(weights.shortcut!).sum(1, { keepdim: true }),
        );
        const direction = pull.div(sqrt(pull.square().mean().add(1e-16)));
        const logStep = limited(state.logRate.add(applyLinear(weights, "rate", elements)));
        const step = exp(logStep.add(weights.step_size!)).mul(direction).mul(hyper.lr);
        const next: HierarchicalRNNState = {
          elements,
          tensor,
          averages,
          squares,
          averageDecay: sigmoid(applyLinear(weights, "average_decay", elements)),
          squareDecay: sigmoid(applyLinear(weights, "square_decay", elements)),
          logRate: logStep.add(state.logRate.sub(logStep).mul(momentum)),
        };
        return { value: p.sub(step.reshape(p.shape)), state: next };
      });
      // A tensor without elements has no mean.
      const tensors = moved.flatMap(({ value, state }) => (value.numel() === 0 ? [] : [state.tensor]));
      const mean = tensors.length === 0 ? null : cat(tensors, 0).mean(0, { keepdim: true });
      return {
        values: moved.map(({ value }) => value),
        states: moved.map(({ state }) => state),
        shared: { problem: mean === null ? before : gruCell(weights, "problem", mean, problem, null) },
      };
    },
  };
}
