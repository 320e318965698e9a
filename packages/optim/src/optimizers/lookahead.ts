import { detach, keep, noGrad, type Parameter, StateDictError, scope, type Tensor } from "@descent/core";
import type { AnyOptimizer, Closure } from "../base/any-optimizer.ts";
import { described, isLike } from "../base/state-dict.ts";
import { type BaseStateDict, Wrapper } from "../base/wrapper.ts";
import { badValues, count, fraction, positiveInteger, shown } from "../checks.ts";
import { settled } from "../tools/arguments.ts";

/** Options of Lookahead. */
export interface LookaheadOptions {
  /** How many steps the base makes before the slow weights make one. Default 5. */
  readonly k?: number;
  /** How far the slow weights go on the way to the fast ones. Default 0.5. */
  readonly alpha?: number;
}

/** The state of Lookahead and, in it, that of its base. */
export interface LookaheadStateDict<D> {
  readonly base: D;
  /** How many steps the base has made since the slow weights made one. */
  readonly counter: number;
  /** By the number of the parameter. */
  readonly slowParams: Readonly<Record<number, Tensor>>;
}

/**
 * Lookahead (Zhang et al. 2019, algorithm 1) around any optimizer: every `k` steps, `φ ← φ + α (θ − φ)` and `θ ← φ`.
 *
 * The slow weights `φ` begin every round where the parameters are. The state of the base stays as it is when they move.
 */
export class Lookahead<B extends AnyOptimizer> extends Wrapper<B> {
  readonly #k: number;
  readonly #alpha: number;
  readonly #slow = new Map<Parameter, Tensor>();
  #counter = 0;

  constructor(base: B, options: LookaheadOptions = {}) {
    super("Lookahead", base);
    const { k, alpha } = settled("Lookahead", options, { k: 5, alpha: 0.5 }, { k: positiveInteger, alpha: fraction });
    this.#k = k;
    this.#alpha = alpha;
  }

  /** A step of the base, and after every `k` of them one of the slow weights. */
  step(): void;
  step(closure: Closure): Tensor;
  step(closure?: Closure): Tensor | undefined {
    return this.run(closure);
  }

  /** As `step`, on any device. */
  stepAsync(): Promise<undefined>;
  stepAsync(closure: Closure): Promise<Tensor>;
  async stepAsync(closure?: Closure): Promise<Tensor | undefined> {
    return this.runAsync(closure);
  }

  /** The state of the base, and the slow weights. Its tensors are snapshots that no step changes. */
  stateDict(): LookaheadStateDict<BaseStateDict<B>> {
    const slow = this.#parameters().flatMap((p, i) => (this.#slow.has(p) ? [[i, detach(this.#slow.get(p)!)]] : []));
    return {
      base: this.base.stateDict() as BaseStateDict<B>,
      counter: this.#counter,
      slowParams: Object.fromEntries(slow),
    };
  }

  /** Takes over what `stateDict()` gave. Throws with all that does not fit, before anything changes. */
  loadStateDict(dict: LookaheadStateDict<BaseStateDict<B>>): void {
    const parameters = this.#parameters();
    const problems = problemsOf(dict, parameters);
    if (problems.length > 0)
      throw new StateDictError(
        "Lookahead.loadStateDict",
        problems.join("; "),
        "pass what stateDict() of the like gave",
      );
    this.base.loadStateDict(dict.base);
    this.#counter = dict.counter;
    for (const [i, p] of parameters.entries()) this.#setSlow(p, dict.slowParams[i]);
  }

  protected override before(): void {
    // At the start of a round the slow weights are the weights, also of what has been loaded since the last one.
    for (const p of this.#parameters()) if (this.#counter === 0 || !this.#slow.has(p)) this.#setSlow(p, p);
  }

  protected override after(): void {
    if (++this.#counter < this.#k) return;
    this.#counter = 0;
    for (const p of this.#parameters())
      noGrad(() =>
        scope(() => {
          p.assign(this.#slow.get(p)!.lerp(p, this.#alpha));
          this.#setSlow(p, p);
        }),
      );
  }

  #parameters(): Parameter[] {
    return this.paramGroups.flatMap(({ params }) => params);
  }

  #setSlow(p: Parameter, value: Tensor | undefined): void {
    const old = this.#slow.get(p);
    if (value === undefined) this.#slow.delete(p);
    else this.#slow.set(p, keep(detach(value)));
    old?.dispose();
  }
}

/** What is wrong with a dict, but for that of the base in it. */
function problemsOf(dict: unknown, parameters: readonly Parameter[]): string[] {
  const { counter, slowParams } = (dict ?? {}) as Partial<LookaheadStateDict<unknown>>;
  const problems = badValues<object>({ counter }, { counter: count });
  if (typeof slowParams !== "object" || slowParams === null) return [...problems, `slowParams is ${shown(slowParams)}`];
  for (const [i, x] of Object.entries<unknown>(slowParams)) {
    const p = parameters[Number(i)];
    if (p === undefined) problems.push(`slowParams[${i}] belongs to no parameter`);
    else if (!isLike(x, p)) problems.push(`slowParams[${i}] is ${described(x)}, expected ${described(p)}`);
  }
  return problems;
}
