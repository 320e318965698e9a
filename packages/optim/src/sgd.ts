import { composite, floating, type Tensor } from "@descent/core";
import { finite, flag, nonNegative } from "./checks.ts";
import { Optimizer } from "./optimizer.ts";
import type { Params } from "./param-groups.ts";
import { penalized, type Rule } from "./rule.ts";

/** Options of SGD. */
export interface SGDHyper {
  /** Learning rate. Default 1e-3. */
  readonly lr: number;
  /** How much of the last direction is kept. Default 0. */
  readonly momentum: number;
  /** How much of the gradient momentum leaves out. Default 0. */
  readonly dampening: number;
  /** Coupled L2 penalty. Default 0. */
  readonly weightDecay: number;
  /** Looks ahead along the momentum. Default false. */
  readonly nesterov: boolean;
  /** Climbs instead of descending. Default false. */
  readonly maximize: boolean;
}

/** What SGD remembers of a parameter. */
export interface SGDState {
  readonly momentumBuffer: Tensor | null;
}

/** What selects a variant; the numbers are operands, because schedules change them from step to step. */
interface SGDVariant {
  /** Whether there is a momentum buffer: a second output. Without one as an operand, it starts as the gradient. */
  readonly buffered: boolean;
  readonly nesterov: boolean;
  readonly maximize: boolean;
}

/** One step: the new value, and the new momentum buffer where there is one. */
const sgdStep = composite<
  [
    p: Tensor,
    g: Tensor,
    momentumBuffer: Tensor | null,
    lr: number,
    momentum: number,
    dampening: number,
    weightDecay: number,
  ],
  SGDVariant
>({
  name: "sgdStep",
  outputs: ([shape], dtypes, { buffered }) => {
    const spec = { shape, dtype: floating("sgdStep")(dtypes) };
    return buffered ? [spec, spec] : [spec];
  },
  decompose: ([p, gradient, before, lr, momentum, dampening, weightDecay], { buffered, nesterov, maximize }) => {
    const g = penalized(p, gradient, { maximize, weightDecay });
    if (!buffered) return [p.sub(g.mul(lr))];
    const b = before?.mul(momentum).add(g.mul(1 - dampening)) ?? g;
    const direction = nesterov ? g.add(b.mul(momentum)) : b;
    return [p.sub(direction.mul(lr)), b];
  },
});

/** Gradient descent with momentum (Polyak 1964; Nesterov 1983, as in Sutskever et al. 2013). */
export const sgdRule: Rule<SGDHyper, SGDState> = {
  name: "SGD",
  defaults: { lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false },
  checks: {
    lr: nonNegative,
    momentum: nonNegative,
    dampening: finite,
    weightDecay: nonNegative,
    nesterov: flag,
    maximize: flag,
  },
  conflict: ({ momentum, dampening, nesterov }) =>
    nesterov && (momentum === 0 || dampening !== 0)
      ? `nesterov needs momentum > 0 and dampening 0, got momentum ${momentum} and dampening ${dampening}`
      : null,
  init: () => ({ momentumBuffer: null }),
  update(p, g, state, { lr, momentum, dampening, weightDecay, nesterov, maximize }) {
    const buffered = momentum !== 0;
    const before = buffered ? state.momentumBuffer : null;
    const [value, momentumBuffer] = sgdStep([p, g, before, lr, momentum, dampening, weightDecay], {
      buffered,
      nesterov,
      maximize,
    });
    return { p: value!, state: buffered ? { momentumBuffer: momentumBuffer! } : state };
  },
};

/** Stochastic gradient descent, with momentum, Nesterov's momentum and weight decay where asked for. */
export class SGD extends Optimizer<SGDHyper, SGDState> {
  constructor(params: Params<SGDHyper>, options?: Partial<SGDHyper>) {
    super(sgdRule, params, options);
  }
}
