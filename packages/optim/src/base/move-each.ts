import {
  type ElementwiseProgram,
  elementwiseProgram,
  noGrad,
  type Parameter,
  peekGrad,
  scope,
  Tensor,
} from "@descent/core";
import { lossOf } from "./any-optimizer.ts";
import { type Elements, type Elementwise, ProgramWriter, Value } from "./elements.ts";
import type { Reading } from "./move-together.ts";
import type { ParamGroup } from "./param-groups.ts";
import { owned, type PointwiseRule, type Rule, type State, type StateValue } from "./rule.ts";
import type { Slots } from "./slots.ts";

type Symbols = Readonly<Record<string, Elements | StateValue>>;

/** What a pointwise rule does in a step, with the numbers of that step. It holds for every parameter that is as old. */
interface Plan<H> {
  readonly hyper: H;
  readonly step: number;
  /** The state that it was made for, with values on paper for tensors. */
  readonly before: Symbols;
  readonly program: ElementwiseProgram;
  readonly numbers: readonly number[];
  /** The state after it: by name the number of an output, the value itself, or what was there before. */
  readonly after: readonly (readonly [name: string, value: Output | StateValue])[] | null;
}
class Output {
  constructor(readonly index: number) {}
}
const UNCHANGED = new Output(-1);

/** Moves parameters one by one, by a rule that sees one at a time. */
export class EachMover<H extends object, S extends State<S>> {
  readonly #rule: Rule<H, S> | PointwiseRule<H, S>;
  readonly #slots: Slots<S>;
  /** The last program of every group of options. */
  readonly #programs = new WeakMap<H, ElementwiseProgram>();
  /** The plan of the step that is being made. */
  #plan: Plan<H> | null = null;

  constructor(rule: Rule<H, S> | PointwiseRule<H, S>, slots: Slots<S>) {
    this.#rule = rule;
    this.#slots = slots;
  }

  /**
   * One step, which gives the loss.
   *
   * Parameter by parameter, so that old values are freed as soon as there are new ones, and the largest first: what does not fit into the
   * memory of the device fails before anything has moved.
   */
  *move(groups: readonly ParamGroup<H>[], closure: (() => Tensor) | undefined): Reading<Tensor | undefined> {
    const loss = closure && lossOf(`${this.#rule.name}.step`, closure);
    noGrad(() => this.#move(groups));
    return loss;
  }

  #move(groups: readonly ParamGroup<H>[]): void {
    this.#plan = null;
    const first = largest(groups);
    if (first !== null) this.#update(first.parameter, first.group);
    for (const group of groups)
      for (const parameter of group.params) if (parameter !== first?.parameter) this.#update(parameter, group);
  }

  /** Changes value and state of a parameter that has a gradient, or where something throws, nothing. */
  #update(parameter: Parameter, hyper: H): void {
    const g = peekGrad(parameter);
    if (g === null) return;
    const slot = this.#slots.get(parameter);
    const step = (slot?.step ?? 0) + 1;
    scope(() => {
      const before = slot?.state ?? this.#rule.init(parameter, hyper);
      const { p, state } =
        "pointwise" in this.#rule
          ? this.#run(this.#rule, parameter, g, before, hyper, step)
          : owned(this.#rule.update(parameter, g, before, hyper, step), slot?.state);
      parameter.assign(p);
      this.#slots.set(parameter, { step, state });
    });
  }

  /** The rule as a program. */
  #run(rule: PointwiseRule<H, S>, p: Tensor, g: Tensor, before: S, hyper: H, step: number): { p: Tensor; state: S } {
    let plan = this.#plan;
    if (
      plan === null ||
      plan.hyper !== hyper ||
      plan.step !== step ||
      !matches(plan.before, before as Readonly<Record<string, StateValue>>)
    ) {
      plan = planOf(rule, before, hyper, step, this.#programs.get(hyper) ?? null);
      this.#programs.set(hyper, plan.program);
      this.#plan = plan;
    }
    const inputs: (Tensor | number)[] = [p, g];
    for (const name in before) {
      const x = before[name];
      if (x instanceof Tensor) inputs.push(x);
    }
    for (const x of plan.numbers) inputs.push(x);
    const results = elementwiseProgram(inputs, plan.program);
    if (plan.after === null) return { p: results[0]!, state: before };
    const state: Record<string, StateValue> = {};
    for (const [name, x] of plan.after)
      state[name] = x === UNCHANGED ? before[name as keyof S] : x instanceof Output ? results[x.index]! : x;
    return { p: results[0]!, state: state as S };
  }
}

/** Whether a plan that was made for one state is right for another one. */
function matches(planned: Symbols, state: Readonly<Record<string, StateValue>>): boolean {
  for (const name in planned) {
    const x = planned[name];
    if (x instanceof Value ? !(state[name] instanceof Tensor) : x !== state[name]) return false;
  }
  return true;
}

/** Runs a rule on paper. */
function planOf<H extends object, S extends State<S>>(
  rule: PointwiseRule<H, S>,
  before: S,
  hyper: H,
  step: number,
  previous: ElementwiseProgram | null,
): Plan<H> {
  const symbols: Record<string, Value | StateValue> = {};
  let tensors = 2;
  for (const name in before) tensors += before[name] instanceof Tensor ? 1 : 0;
  const writer = new ProgramWriter(tensors, previous);
  const [p, g] = [writer.tensor(0), writer.tensor(1)];
  let next = 2;
  for (const name in before) {
    const x: StateValue = before[name];
    symbols[name] = x instanceof Tensor ? writer.tensor(next++) : x;
  }
  const result = rule.update(p, g, symbols as Elementwise<S>, hyper, step);
  const outputs = [(result.p as Value).index];
  const after: [string, Output | StateValue][] = [];
  const state = result.state as Readonly<Record<string, Value | StateValue>>;
  for (const name in state) {
    const x = state[name]!;
    if (!(x instanceof Value)) after.push([name, x]);
    else if (x === symbols[name]) after.push([name, UNCHANGED]);
    else after.push([name, new Output(outputs.push(x.index) - 1)]);
  }
  return {
    hyper,
    step,
    before: symbols,
    program: writer.finish(outputs),
    numbers: writer.numbers,
    after: result.state === (symbols as unknown) ? null : after,
  };
}

function largest<H extends object>(
  groups: readonly ParamGroup<H>[],
): { readonly parameter: Parameter; readonly group: ParamGroup<H> } | null {
  let found: { readonly parameter: Parameter; readonly group: ParamGroup<H> } | null = null;
  let most = -1;
  for (const group of groups)
    for (const parameter of group.params) {
      const size = peekGrad(parameter) === null ? -1 : parameter.numel();
      if (size <= most) continue;
      most = size;
      found = { parameter, group };
    }
  return found;
}
