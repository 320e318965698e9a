import {
  ArgumentError,
  detach,
  enableGrad,
  getRngState,
  noGrad,
  type Parameter,
  peekGrad,
  setRngState,
  Tensor,
  Workspace,
  zerosLike,
} from "@descent/core";
import { shown } from "../checks.ts";
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
    const workspace = new Workspace();
    const segment = <T>(fn: () => T): T => workspace.run(() => noGrad(fn));
    let first = rule.closure === undefined && closure !== undefined ? enableGrad(closure) : undefined;
    const owners = groups.flatMap((hyper) => hyper.params.map((parameter) => ({ parameter, hyper })));
    const movers = rule.closure === undefined ? owners.filter(({ parameter }) => peekGrad(parameter) !== null) : owners;
    if (movers.length === 0) return first;
    const parameters = movers.map(({ parameter }) => parameter);
    const before = segment(() => parameters.map(detach));
    try {
      const members = segment(() =>
        movers.map(({ parameter, hyper }, i) => this.#member(parameter, hyper, before[i]!)),
      );
      const steps = segment(() => rule.step(members, this.#shared.value ?? rule.begin(members[0]!.hyper)));
      const evaluation = new Evaluator(rule, parameters, closure);
      let next = segment(() => steps.next());
      while (!next.done) {
        const request = next.value;
        let answer: Evaluation | readonly number[];
        if ("gradients" in request) {
          const loss = evaluation.run(request);
          first ??= loss;
          const [value] = yield [loss];
          answer = { loss: value!, gradients: segment(() => parameters.map(gradientOf)) };
        } else answer = yield request;
        next = segment(() => steps.next(answer));
      }
      const { values, states, shared } = next.value;
      segment(() => {
        const after = members.map((member, i) => mapTensors(states?.[i] ?? member.state, detach));
        const sharedAfter = mapTensors(shared, detach);
        for (const [i, parameter] of parameters.entries()) {
          parameter.assign(values[i]!);
          this.#slots.set(parameter, { step: members[i]!.t, state: after[i]! });
        }
        this.#shared.value = sharedAfter;
      });
      return first;
    } catch (error) {
      for (const [i, parameter] of parameters.entries()) parameter.assign(before[i]!);
      throw error;
    } finally {
      workspace.dispose();
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
  readonly #name: string;
  readonly #kind: "backward" | "loss" | undefined;
  readonly #parameters: readonly Parameter[];
  readonly #closure: (() => Tensor) | undefined;
  readonly #randomness = getRngState();

  constructor(
    { name, closure: kind }: { readonly name: string; readonly closure?: "backward" | "loss" },
    parameters: readonly Parameter[],
    closure: (() => Tensor) | undefined,
  ) {
    this.#name = name;
    this.#kind = kind;
    this.#parameters = parameters;
    this.#closure = closure;
  }

  run({ values, gradients }: Evaluate): Tensor {
    for (const [i, parameter] of this.#parameters.entries()) parameter.assign(values[i]!);
    if (this.#kind === "backward") return this.#checked(enableGrad(this.#closure!));
    setRngState(this.#randomness);
    if (!gradients) return this.#checked(noGrad(this.#closure!));
    for (const parameter of this.#parameters) parameter.grad = null;
    const loss = this.#checked(enableGrad(this.#closure!));
    enableGrad(() => loss.backward());
    return loss;
  }

  #checked(loss: unknown): Tensor {
    if (loss instanceof Tensor && loss.numel() === 1) return loss;
    throw new ArgumentError(
      this.#name,
      `the closure returned ${shown(loss)}`,
      "return the loss, a tensor with one element",
    );
  }
}

/** A gradient that stays what it is when the parameter gets another one. */
function gradientOf(parameter: Parameter): Tensor {
  const g = peekGrad(parameter);
  return g === null ? zerosLike(parameter) : detach(g);
}
