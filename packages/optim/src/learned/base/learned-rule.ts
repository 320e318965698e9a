import { type RandomOptions, type Shape, StateDictError, scope, show, Tensor } from "@descent/core";
import type { Member, Outcome } from "../../base/joint-rule.ts";
import type { RuleBase, State } from "../../base/rule.ts";

/** The weights of a learned rule, by name. */
export type Weights = Readonly<Record<string, Tensor>>;

/**
 * The mathematics of a learned optimizer: an update of all parameters that is computed from weights of its own.
 *
 * Pure, and made of ops only, so that the same function serves the optimizer, which calls it without a tape, and meta-training, which
 * differentiates through many calls in a row.
 */
export interface LearnedRule<H extends object, S extends State<S>, C extends State<C> = Record<never, never>>
  extends RuleBase<H, S> {
  /** Whether updates look at the loss: the optimizer's steps then need a closure. */
  readonly usesLoss?: true;
  /** Weights before any training; their names and shapes are the architecture. */
  readonly initialize: (options?: RandomOptions) => Weights;
  /** What parameters share before the first step. */
  readonly begin: (hyper: H) => C;
  /** One step of all members along their gradients. The loss, a scalar, is there where the rule `usesLoss`, else `null`. */
  readonly update: (
    weights: Weights,
    members: readonly Member<H, S>[],
    shared: C,
    loss: Tensor | null,
  ) => Outcome<S, C>;
}

/** Throws where weights are not those of a rule's architecture. */
export function checkWeights(rule: Pick<LearnedRule<never, never>, "name" | "initialize">, weights: Weights): void {
  const expected = new Map<string, Shape>();
  scope(() => {
    for (const [name, { shape }] of Object.entries(rule.initialize())) expected.set(name, shape);
  });
  const problems = Object.keys(weights).flatMap((name) => (expected.has(name) ? [] : [`"${name}" is unknown`]));
  for (const [name, shape] of expected) {
    const given: unknown = weights[name];
    if (!(given instanceof Tensor)) problems.push(`"${name}" is missing`);
    else if (show(given.shape) !== show(shape))
      problems.push(`"${name}" has shape ${show(given.shape)}, expected ${show(shape)}`);
  }
  if (problems.length > 0)
    throw new StateDictError(
      rule.name,
      `the weights are for another architecture: ${problems.join("; ")}`,
      "make the rule with the options that its weights were trained with",
    );
}
