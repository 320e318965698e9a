import { cat, clamp, log, type Tensor, zeros } from "@descent/core";
import "@descent/core/methods";
import { nonNegative, positive, positiveInteger } from "../../checks.ts";
import { settled } from "../../tools/arguments.ts";
import type { LearnedRule } from "../base/learned-rule.ts";
import { applyLinear, linearWeights, lstmCell, lstmWeights } from "./layers.ts";

/** The options of `LSTMOptimizer`. */
export interface LSTMHyper {
  /** What the output of the network is multiplied with. Default 0.01. */
  readonly lr: number;
}

/** Hidden states and cells of every layer, `[elements, units]`. */
export interface LSTMState {
  readonly h: readonly Tensor[];
  readonly c: readonly Tensor[];
}

/** The architecture of `lstmRule`. */
export interface LSTMArchitecture {
  /** Units of a layer. Default 20. */
  readonly units?: number;
  /** Layers, one upon the other. Default 2. */
  readonly layers?: number;
  /** The `p` of `logAndSign`. Default 5. */
  readonly preprocessing?: number;
}

/**
 * A gradient as two numbers of moderate size (Andrychowicz et al. 2016, appendix A): `(log|g| / p, sign g)` where `|g| ≥ e⁻ᵖ`, else
 * `(−1, eᵖ g)`. `[N, 1] → [N, 2]`
 */
export const logAndSign = (g: Tensor, p: number): Tensor =>
  cat([clamp(log(g.abs().add(EPSILON)).div(p), -1), clamp(g.mul(Math.exp(p)), -1, 1)], 1);

/** The smallest number that makes a difference to 1 in float32. */
const EPSILON = 2 ** -23;

/**
 * The coordinate-wise LSTM (Andrychowicz et al. 2016, section 2.1): one small network, the same for every element, whose hidden state is
 * the element's own.
 */
export function lstmRule(architecture: LSTMArchitecture = {}): LearnedRule<LSTMHyper, LSTMState> {
  const { units, layers, preprocessing } = settled(
    "lstmRule",
    architecture,
    { units: 20, layers: 2, preprocessing: 5 },
    { units: positiveInteger, layers: positiveInteger, preprocessing: positive },
  );
  const names = Array.from({ length: layers }, (_, k) => `lstm.${k}`);
  return {
    name: "LSTMOptimizer",
    defaults: { lr: 0.01 },
    checks: { lr: nonNegative },
    initialize: (options) => ({
      ...Object.assign({}, ...names.map((name, k) => lstmWeights(name, k === 0 ? 2 : units, units, options))),
      ...linearWeights("output", units, 1, options),
    }),
    init: (p) => {
      const nothing = () => zeros([p.numel(), units], { dtype: p.dtype, backend: p.backend });
      return { h: names.map(nothing), c: names.map(nothing) };
    },
    begin: () => ({}),
    update(weights, members, shared) {
      const moved = members.map(({ p, g, state, hyper }) => {
        let x = logAndSign(g.reshape([-1, 1]), preprocessing);
        const cells = names.map((name, k) => {
          const cell = lstmCell(weights, name, x, state.h[k]!, state.c[k]!);
          x = cell.h;
          return cell;
        });
        const step = applyLinear(weights, "output", x).reshape(p.shape).mul(hyper.lr);
        return { value: p.add(step), state: { h: cells.map(({ h }) => h), c: cells.map(({ c }) => c) } };
      });
      return { values: moved.map(({ value }) => value), states: moved.map(({ state }) => state), shared };
    },
  };
}
