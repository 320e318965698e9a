import { type Tensor, zerosLike } from "@descent/core";
import { Optimizer } from "../base/optimizer.ts";
import type { Params } from "../base/param-groups.ts";
import { averaged, decayed, type Rule } from "../base/rule.ts";
import { type Check, flag, nonNegative, oneOf } from "../checks.ts";

/** How the learning rate depends on the shape `[A, B]` of a matrix. */
const SCALES = {
  original: (a: number, b: number) => Math.sqrt(Math.max(1, a / b)),
  match_rms_adamw: (a: number, b: number) => 0.2 * Math.sqrt(Math.max(a, b)),
  spectral_unclamped: (a: number, b: number) => Math.sqrt(a / b),
};

/** Options of Muon. */
export interface MuonHyper {
  /** Learning rate. Default 1e-3. */
  readonly lr: number;
  /** Decoupled decay. Default 0.1. */
  readonly weightDecay: number;
  /** How much of the average of gradients is kept. Default 0.95. */
  readonly momentum: number;
  /** Looks ahead along the momentum. Default true. */
  readonly nesterov: boolean;
  /** Coefficients of the polynomial `a x + b x³ + c x⁵` that is iterated. Default [3.4445, −4.775, 2.0315]. */
  readonly nsCoefficients: readonly [number, number, number];
  /** The least norm that a direction is divided by. Default 1e-7. */
  readonly eps: number;
  /** How often the polynomial is iterated, less than 100 times. Default 5. */
  readonly nsSteps: number;
  /**
   * What multiplies the learning rate of a matrix `[A, B]`: `√max(1, A/B)` ("original", the default), `0.2 √max(A, B)`
   * ("match_rms_adamw": steps as long as AdamW's), `√(A/B)` ("spectral_unclamped").
   */
  readonly adjustLrFn: keyof typeof SCALES;
  /** Whether what is iterated has eight significant bits, as in PyTorch ("bfloat16", the default), or all of the parameter's ("full"). */
  readonly nsPrecision: "bfloat16" | "full";
}

/** What Muon remembers of a parameter. */
export interface MuonState {
  readonly momentumBuffer: Tensor;
}

const three: Check = {
  expected: "three finite numbers",
  test: (x) => Array.isArray(x) && x.length === 3 && x.every(Number.isFinite),
};
const iterations: Check = {
  expected: "an integer from 0 to 99",
  test: (x) => Number.isInteger(x) && (x as number) >= 0 && (x as number) < 100,
};

/** The nearest numbers with eight significant bits (Veltkamp 1968; Dekker 1971). */
function bfloat16(x: Tensor): Tensor {
  const c = x.mul((x.dtype === "float64" ? 2 ** 45 : 2 ** 16) + 1);
  return c.sub(c.sub(x));
}

/** @internal The matrix with singular values near 1 in the place of those of `g`: Newton–Schulz iteration. */
export function orthogonalized(
  g: Tensor,
  {
    nsCoefficients: [a, b, c],
    eps,
    nsSteps,
    nsPrecision,
  }: Pick<MuonHyper, "nsCoefficients" | "eps" | "nsSteps" | "nsPrecision">,
): Tensor {
  const round = nsPrecision === "full" ? (x: Tensor): Tensor => x : bfloat16;
  // The smaller one of the two products of x with itself.
  const isTall = g.shape[0]! > g.shape[1]!;
  let x = round(isTall ? g.t() : g);
  x = round(x.div(round(x.norm()).maximum(eps)));
  for (let i = 0; i < nsSteps; i++) {
    const s = round(x.matmul(x.t()));
    const u = round(s.mul(b).add(s.matmul(s).mul(c)));
    x = round(x.mul(a).add(u.matmul(x)));
  }
  return isTall ? x.t() : x;
}

/** Momentum, orthogonalized (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"). */
export const muonRule: Rule<MuonHyper, MuonState> = {
  name: "Muon",
  defaults: {
    lr: 1e-3,
    weightDecay: 0.1,
    momentum: 0.95,
    nesterov: true,
    nsCoefficients: [3.4445, -4.775, 2.0315],
    eps: 1e-7,
    nsSteps: 5,
    adjustLrFn: "original",
    nsPrecision: "bfloat16",
  },
  checks: {
    lr: nonNegative,
    weightDecay: nonNegative,
    momentum: nonNegative,
    nesterov: flag,
    nsCoefficients: three,
    eps: nonNegative,
    nsSteps: iterations,
    adjustLrFn: oneOf(...Object.keys(SCALES)),
    nsPrecision: oneOf("bfloat16", "full"),
  },
  accepts: ({ shape }) =>
    shape.length === 2
      ? null
      : `has shape [${shape.join(",")}], which is no matrix; give it to another optimizer, such as AdamW`,
  init: (p) => ({ momentumBuffer: zerosLike(p) }),
  update(p, g, { momentumBuffer }, hyper) {
    const { lr, weightDecay, momentum, nesterov, adjustLrFn } = hyper;
    const b = averaged(momentumBuffer, g, momentum);
    const direction = orthogonalized(nesterov ? averaged(b, g, momentum) : b, hyper);
    const scale = SCALES[adjustLrFn](p.shape[0]!, p.shape[1]!);
    return { p: decayed(p, lr * weightDecay).sub(direction.mul(lr * scale)), state: { momentumBuffer: b } };
  },
};

/** Muon, for the matrices of hidden layers; embeddings, heads, biases and norms are better left to AdamW. */
export class Muon extends Optimizer<MuonHyper, MuonState> {
  constructor(params: Params<MuonHyper>, options?: Partial<MuonHyper>) {
    super(muonRule, params, options);
  }
}
