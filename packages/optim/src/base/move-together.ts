import {
  ArgumentError,
  detach,
  enableGrad,
  type GeneratorState,
  getRngState,
  noGrad,
  type Parameter,
  peekGrad,
  setRngState,
  type Tensor,
  Workspace,
  zerosLike,
} from "@descent/core";
import { lossOf } from "./any-optimizer.ts";
import type { Evaluate, Evaluation, JointRule, Member } from "./joint-rule.ts";
import type { ParamGroup } from "./param-groups.ts";
import { mapTensors, type State } from "./rule.ts";
import type { Shared, Slots } from "./slots.ts";

/** A computation that stops where it has to read scalars. */
export type Reading<T> = Generator<readonly Tensor[], T, readonly number[]>;

/** Moves all parameters at once, by a rule that sees them all. */
export class JointMover<H extends object, S extends State<S>, C extends State<C>> {
  readonly #rule: JointRule<H, S, C>;
  readonly #slots: Slots<S>;
  readonly #shared: Shared<C>;

  constructor(rule: JointRule<H, S, C>, slots: Slots<S>, shared: Shared<C>) {
    this.#rule = rule;
    this.#slots = slots;
    this.#shared = shared;
  }

  /** One step, which gives the loss of the first evaluation. Where something throws, values and state are as they were. */
  *move(groups: readonly ParamGroup<H>[], closure: (() => Tensor) | undefined): Reading<Tensor | undefined> {
    const rule = this.#rule;
    // What the step begins with lasts until its end; what the rule makes on the way may go before.
    const start = new Workspace();
    const workspace = new Workspace();
    const segment = <T>(fn: () => T, where = workspace): T => where.run(() => noGrad(fn));
    let first = rule.closure === undefined && closure !== undefined ? lossOf(`${rule.name}.step`, closure) : undefined;
    const moving = groups.filter((hyper) => !rule.still?.(hyper));
    const owners = moving.flatMap((hyper) => hyper.params.map((parameter) => ({ parameter, hyper })));
    const movers = rule.closure === undefined ? owners.filter(({ parameter }) => peekGrad(parameter) !== null) : owners;
    if (movers.length === 0) return first;
    const parameters = movers.map(({ parameter }) => parameter);
    const before = segment(() => parameters.map(detach), start);
    try {
      const members = segment(
        () => movers.map(({ parameter, hyper }, i) => this.#member(parameter, hyper, before[i]!)),
        start,
      );
      const steps = segment(() => rule.step(members, this.#shared.value ?? rule.begin(members[0]!.hyper)), start);
      const evaluator = new Evaluator(rule, parameters, closure);
      let next = segment(() => steps.next());
      while (!next.done) {
        const request = next.value;
        let answer: Evaluation | readonly number[] = [];
        if ("survivors" in request) workspace.dispose(request.survivors);
        else if ("gradients" in request) {
          const loss = evaluator.run(request);
          first ??= loss;
          const [value] = yield [loss];
          answer = { loss: value!, gradients: segment(() => (request.gradients ? parameters.map(gradientOf) : [])) };
        } else answer = yield request;
        next = segment(() => steps.next(answer));
      }
      const { values, states, shared } = next.value;
      segment(() => {
        const slots = members.map(({ state, t }, i) => ({ step: t, state: mapTensors(states?.[i] ?? state, detach) }));
        const sharedAfter = mapTensors(shared, detach);
        // What may throw comes first.
        for (const [i, parameter] of parameters.entries()) parameter.assign(values[i]!);
        for (const [i, parameter] of parameters.entries()) this.#slots.set(parameter, slots[i]!);
        this.#shared.value = sharedAfter;
      });
      return first;
    } catch (error) {
      for (const [i, parameter] of parameters.entries()) parameter.assign(before[i]!);
      throw error;
    } finally {
      workspace.dispose();
      start.dispose();
    }
  }

  #member(parameter: Parameter, hyper: H, p: Tensor): Member<H, S> {
    const slot = this.#slots.get(parameter);
    return {
      p,
      g: gradientOf(parameter),
      state: slot?.state ?? this.#rule.init(p, hyper),
      hyper,
      t: (slot?.step ?? 0) + 1,
    };
  }
}

/** Evaluates the closure of a step with other values in the place of the parameters'. */
class Evaluator {
  readonly #rule: { readonly name: string; readonly closure?: "backward" | "loss" };
  readonly #parameters: readonly Parameter[];
  readonly #closure: (() => Tensor) | undefined;
  /** The state of the default generator before the first evaluation. */
  #randomness: GeneratorState | null = null;

  constructor(
    rule: { readonly name: string; readonly closure?: "backward" | "loss" },
    parameters: readonly Parameter[],
    closure: (() => Tensor) | undefined,
  ) {
    this.#rule = rule;
    this.#parameters = parameters;
    this.#closure = closure;
  }

  run({ values, gradients }: Evaluate): Tensor {
    for (const [i, parameter] of this.#parameters.entries()) parameter.assign(values[i]!);
    if (this.#rule.closure === "backward") return this.#loss();
    if (!gradients) return this.#replayed(() => this.#loss(noGrad));
    for (const parameter of this.#parameters) parameter.grad = null;
    const loss = this.#replayed(() => this.#loss());
    if (this.#parameters.some((parameter) => peekGrad(parameter) !== null))
      throw new ArgumentError(
        `${this.#rule.name}.step`,
        "the closure called backward()",
        "return the loss only: the step needs its gradients once",
      );
    enableGrad(() => loss.backward());
    return loss;
  }

  /** Draws, after the first evaluation, the random numbers of the first one again, and no others. */
  #replayed<T>(fn: () => T): T {
    const now = getRngState();
    if (this.#randomness === null) {
      this.#randomness = now;
      return fn();
    }
    setRngState(this.#randomness);
    try {
      return fn();
    } finally {
      setRngState(now);
    }
  }

  #loss(mode = enableGrad): Tensor {
    return lossOf(`${this.#rule.name}.step`, this.#closure!, mode);
  }
}

/** A gradient that stays what it is when the parameter gets another one. */
function gradientOf(parameter: Parameter): Tensor {
  const g = peekGrad(parameter);
  return g === null ? zerosLike(parameter) : detach(g);
}
