import { ArgumentError, BackendError, detach, noGrad, type Parameter, scope, type Tensor } from "@descent/core";
import "@descent/core/methods";
import { BACKWARD_CLOSURE, reject, rejectNonObject, shown, unknownNames } from "../checks.ts";
import type { Closure } from "./any-optimizer.ts";
import type { JointRule } from "./joint-rule.ts";
import { EachMover } from "./move-each.ts";
import { JointMover, type Reading } from "./move-together.ts";
import {
  type GroupOptions,
  groupOf,
  groupsOf,
  hyperProblems,
  type ParamGroup,
  type Params,
  rejectGroups,
  withDefaults,
} from "./param-groups.ts";
import { mapTensors, owned, type PointwiseRule, type Rule, type State } from "./rule.ts";
import { Shared, Slots } from "./slots.ts";
import { groupState, type OptimizerStateDict, snapshot, verify } from "./state-dict.ts";
import { type StepHook, StepHooks } from "./step-hooks.ts";

/** Any of the forms of a rule. */
export type AnyRule<H extends object, S extends State<S>, C extends State<C>> =
  | Rule<H, S>
  | PointwiseRule<H, S>
  | JointRule<H, S, C>;

/** Moves the parameters of groups, and stops where it has to read numbers. */
interface Mover<H extends object> {
  move(groups: readonly ParamGroup<H>[], closure: Closure | undefined): Reading<Tensor | undefined>;
}

/** Applies a rule to parameters: keeps their groups, their state and their number of steps, and contains no mathematics. */
export class Optimizer<H extends object, S extends State<S>, C extends State<C> = Record<never, never>> {
  /** Options and parameters of every group. Options are read at every step. */
  readonly paramGroups: ParamGroup<H>[];
  readonly #rule: AnyRule<H, S, C>;
  readonly #defaults: H;
  readonly #slots = new Slots<S>();
  readonly #shared = new Shared<C>();
  readonly #mover: Mover<H>;
  readonly #hooks = new StepHooks<Optimizer<H, S, C>>();
  #isTraining = true;
  #isMoving = false;

  constructor(rule: AnyRule<H, S, C>, params: Params<H>, options: Partial<H> = {}) {
    rejectNonObject(rule.name, options, rule.checks);
    reject(rule.name, unknownNames(options, rule.checks));
    this.#rule = rule;
    this.#defaults = withDefaults(rule.defaults, options);
    reject(rule.name, hyperProblems(rule, this.#defaults));
    this.paramGroups = groupsOf(rule, params, this.#defaults);
    this.#mover = "step" in rule ? new JointMover(rule, this.#slots, this.#shared) : new EachMover(rule, this.#slots);
  }

  /**
   * Moves every parameter that has a gradient; the others keep their state and do not age.
   *
   * A `closure` computes the loss anew and calls `backward()`; its loss is returned. Some algorithms need one, and call it several times.
   * Throws where the algorithm reads values and the device cannot be waited for.
   */
  step(): void;
  step(closure: Closure): Tensor;
  step(closure?: Closure): Tensor | undefined {
    const loss = finish(this.#begin(closure), (xs) => xs.map((x) => this.#item(x)));
    this.#hooks.after(this);
    return loss;
  }

  /** As `step`, on any device: waits for the values that the algorithm reads. Throws where another step is not over. */
  stepAsync(): Promise<undefined>;
  stepAsync(closure: Closure): Promise<Tensor>;
  async stepAsync(closure?: Closure): Promise<Tensor | undefined> {
    const moving = this.#begin(closure);
    this.#isMoving = true;
    try {
      const loss = await finishAsync(moving);
      this.#hooks.after(this);
      return loss;
    } finally {
      this.#isMoving = false;
    }
  }

  /** Forgets all gradients. */
  zeroGrad(): void {
    for (const { params } of this.paramGroups) for (const parameter of params) parameter.grad = null;
  }

  /** Puts the weights to train with into the parameters, where they differ from those to use. */
  train(): void {
    this.#turn(true);
  }

  /** Puts the weights to use into the parameters, where they differ from those to train with. No step is possible until `train()`. */
  eval(): void {
    this.#turn(false);
  }

  /** Adds a function that runs before every step, with the optimizer; the function that is returned removes it. */
  registerStepPreHook(hook: StepHook<this>): () => void {
    return this.#hooks.addBefore(hook as StepHook<Optimizer<H, S, C>>);
  }

  /** Adds a function that runs after every step, with the optimizer; the function that is returned removes it. */
  registerStepPostHook(hook: StepHook<this>): () => void {
    return this.#hooks.addAfter(hook as StepHook<Optimizer<H, S, C>>);
  }

  /** Adds parameters, for example layers that are unfrozen later. Options that the group does not name are the constructor's. */
  addParamGroup(group: GroupOptions<H>): void {
    const added = groupOf(this.#rule, group, this.#defaults);
    const groups = [...this.paramGroups, added];
    rejectGroups(this.#rule, groups);
    this.paramGroups.push(added);
  }

  /** Options and state, with parameters as numbers in the order of the groups. Its tensors are snapshots that no step changes. */
  stateDict(): OptimizerStateDict<H, S, C> {
    const parameters = this.#parameters();
    const index = new Map(parameters.map((parameter, i) => [parameter, i]));
    const stepped = parameters.flatMap((parameter, i) => {
      const slot = this.#slots.get(parameter);
      return slot === undefined ? [] : [[i, snapshot(slot)] as const];
    });
    const { value } = this.#shared;
    return {
      state: Object.fromEntries(stepped),
      paramGroups: this.paramGroups.map((group) => groupState(this.#rule, group, index)),
      ...(value === null ? {} : { shared: mapTensors(value, detach) }),
      ...(this.#rule.modes === undefined ? {} : { training: this.#isTraining }),
    };
  }

  /** Takes over what `stateDict()` gave. Throws with all that does not fit, before anything changes. */
  loadStateDict(dict: OptimizerStateDict<H, S, C>): void {
    const { options, slots, shared } = noGrad(() => scope(() => verify(this.#rule, this.paramGroups, dict)));
    this.paramGroups.forEach((group, i) => Object.assign(group, options[i]));
    for (const parameter of this.#parameters()) this.#slots.set(parameter, slots.get(parameter));
    this.#shared.value = shared;
    if (dict.training !== undefined) this.#isTraining = dict.training;
  }

  /** @internal What all parameters share; `null` before the first step. */
  protected get shared(): C | null {
    return this.#shared.value;
  }

  /** @internal Replaces value and state of every parameter that has made a step. */
  protected exchange(fn: (p: Tensor, state: S, hyper: H) => { readonly p: Tensor; readonly state: S }): void {
    noGrad(() => {
      for (const group of this.paramGroups)
        for (const parameter of group.params) {
          const slot = this.#slots.get(parameter);
          if (slot === undefined) continue;
          scope(() => {
            const { p, state } = owned(fn(parameter, slot.state, group), slot.state);
            parameter.assign(p);
            this.#slots.set(parameter, { step: slot.step, state });
          });
        }
    });
  }

  #parameters(): Parameter[] {
    return this.paramGroups.flatMap((group) => group.params);
  }

  /** Starts a step, once all is right for one. */
  #begin(closure: Closure | undefined): Reading<Tensor | undefined> {
    const { name } = this.#rule;
    if (this.#isMoving) throw new ArgumentError(`${name}.step`, "the last step is not over", "await stepAsync()");
    if (!this.#isTraining)
      throw new ArgumentError(`${name}.step`, "the parameters hold the weights to use", "call optimizer.train() first");
    if (closure === undefined ? "closure" in this.#rule : typeof closure !== "function")
      throw new ArgumentError(`${name}.step`, `${shown(closure)} is no closure`, closureOf(this.#rule));
    this.#hooks.before(this);
    const problems: string[] = [];
    for (const group of this.paramGroups) problems.push(...hyperProblems(this.#rule, group));
    reject(name, problems);
    return this.#mover.move(this.paramGroups, closure);
  }

  #item(x: Tensor): number {
    if (x.backend.synchronous) return x.item();
    throw new BackendError(
      `${this.#rule.name}.step`,
      `the algorithm reads values, and backend "${x.backend.name}" computes asynchronously`,
      "await optimizer.stepAsync()",
    );
  }

  #turn(training: boolean): void {
    const { modes } = this.#rule;
    if (modes !== undefined && training !== this.#isTraining) {
      const turn = training ? modes.training : modes.evaluation;
      this.exchange((p, state, hyper) => ({ p: turn(p, state, hyper), state }));
    }
    this.#isTraining = training || modes === undefined;
  }
}

/** What a closure has to be for a rule. */
const closureOf = (rule: object): string =>
  "closure" in rule && rule.closure === "loss"
    ? "pass a function that returns the loss, and does not call backward()"
    : BACKWARD_CLOSURE;

/** Goes on with the values that `read` gives at once. */
function finish<T>(moving: Reading<T>, read: (xs: readonly Tensor[]) => readonly number[]): T {
  let next = moving.next();
  while (!next.done) {
    let values: readonly number[];
    try {
      values = read(next.value);
    } catch (error) {
      next = moving.throw(error);
      continue;
    }
    next = moving.next(values);
  }
  return next.value;
}

/** Goes on with values as they arrive. */
async function finishAsync<T>(moving: Reading<T>): Promise<T> {
  let next = moving.next();
  while (!next.done) {
    let values: readonly number[];
    try {
      const read = await Promise.all(next.value.map((x) => x.data()));
      values = read.map((data) => Number(data[0]));
    } catch (error) {
      next = moving.throw(error);
      continue;
    }
    next = moving.next(values);
  }
  return next.value;
}
