import { detach, enableGrad, keep, noGrad, type Parameter, peekGrad, scope, type Tensor } from "@descent/core";
import "@descent/core/methods";
import { reject, rejectNonObject, unknownNames } from "./checks.ts";
import {
  type GroupOptions,
  groupOf,
  groupsOf,
  hyperProblems,
  type ParamGroup,
  type Params,
  rejectRepeats,
  withDefaults,
} from "./param-groups.ts";
import { mapTensors, type Rule, type State, tensorsOf } from "./rule.ts";
import { groupState, type OptimizerStateDict, type Slot, snapshot, verify } from "./state-dict.ts";

/** Applies a rule to parameters: keeps their groups, their state and their number of steps, and contains no mathematics. */
export class Optimizer<H extends object, S extends State<S>> {
  /** Options and parameters of every group. Options are read at every step. */
  readonly paramGroups: ParamGroup<H>[];
  readonly #rule: Rule<H, S>;
  readonly #defaults: H;
  /** The tensors in here belong to the optimizer alone: they are aliases of what the rule returned, and are disposed when replaced. */
  readonly #slots = new Map<Parameter, Slot<S>>();

  constructor(rule: Rule<H, S>, params: Params<H>, options: Partial<H> = {}) {
    rejectNonObject(rule.name, options, rule.checks);
    reject(rule.name, unknownNames(options, rule.checks));
    this.#rule = rule;
    this.#defaults = withDefaults(rule.defaults, options);
    reject(rule.name, hyperProblems(rule, this.#defaults));
    this.paramGroups = groupsOf(rule, params, this.#defaults);
  }

  /**
   * Moves every parameter that has a gradient; the others keep their state and do not age.
   *
   * A `closure` computes the loss anew and calls `backward()`; its loss is returned.
   */
  step(): void;
  step(closure: () => Tensor): Tensor;
  step(closure?: () => Tensor): Tensor | undefined {
    const loss = closure === undefined ? undefined : enableGrad(closure);
    const problems: string[] = [];
    for (const group of this.paramGroups) problems.push(...hyperProblems(this.#rule, group));
    reject(this.#rule.name, problems);
    noGrad(() => this.#move());
    return loss;
  }

  /** Forgets all gradients. */
  zeroGrad(): void {
    for (const { params } of this.paramGroups) for (const parameter of params) parameter.grad = null;
  }

  /** Adds parameters, for example layers that are unfrozen later. Options that the group does not name are the constructor's. */
  addParamGroup(group: GroupOptions<H>): void {
    const added = groupOf(this.#rule, group, this.#defaults);
    rejectRepeats(this.#rule.name, [...this.paramGroups, added]);
    this.paramGroups.push(added);
  }

  /** Options and state, with parameters as numbers in the order of the groups. Its tensors are snapshots that no step changes. */
  stateDict(): OptimizerStateDict<H, S> {
    const parameters = this.#parameters();
    const index = new Map(parameters.map((parameter, i) => [parameter, i]));
    const stepped = parameters.flatMap((parameter, i) => {
      const slot = this.#slots.get(parameter);
      return slot === undefined ? [] : [[i, snapshot(slot)] as const];
    });
    return {
      state: Object.fromEntries(stepped),
      paramGroups: this.paramGroups.map((group) => groupState(this.#rule, group, index)),
    };
  }

  /** Takes over what `stateDict()` gave. Throws with all that does not fit, before anything changes. */
  loadStateDict(dict: OptimizerStateDict<H, S>): void {
    const { options, slots } = noGrad(() => scope(() => verify(this.#rule, this.paramGroups, dict)));
    this.paramGroups.forEach((group, i) => Object.assign(group, options[i]));
    for (const parameter of this.#parameters()) this.#replace(parameter, slots.get(parameter));
  }

  #parameters(): Parameter[] {
    return this.paramGroups.flatMap((group) => group.params);
  }

  /**
   * Parameter by parameter, so that old values are freed as soon as there are new ones, and the largest first: what does not fit into the
   * memory of the device fails before anything has moved.
   */
  #move(): void {
    const first = this.#largest();
    if (first !== null) this.#update(first.parameter, first.group);
    for (const group of this.paramGroups)
      for (const parameter of group.params) if (parameter !== first?.parameter) this.#update(parameter, group);
  }

  #largest(): { readonly parameter: Parameter; readonly group: ParamGroup<H> } | null {
    let found: { readonly parameter: Parameter; readonly group: ParamGroup<H> } | null = null;
    let most = -1;
    for (const group of this.paramGroups)
      for (const parameter of group.params) {
        const size = peekGrad(parameter) === null ? -1 : parameter.numel();
        if (size <= most) continue;
        most = size;
        found = { parameter, group };
      }
    return found;
  }

  /** Changes value and state of a parameter that has a gradient, or where something throws, nothing. */
  #update(parameter: Parameter, hyper: H): void {
    const g = peekGrad(parameter);
    if (g === null) return;
    const slot = this.#slots.get(parameter);
    const step = (slot?.step ?? 0) + 1;
    scope(() => {
      const before = slot?.state ?? this.#rule.init(parameter, hyper);
      const next = this.#rule.update(parameter, g, before, hyper, step);
      const isKept = next.state === slot?.state;
      const state = isKept ? next.state : mapTensors(next.state, detach);
      parameter.assign(next.p);
      if (isKept) this.#slots.set(parameter, { step, state });
      else this.#replace(parameter, { step, state });
    });
  }

  #replace(parameter: Parameter, slot: Slot<S> | undefined): void {
    const old = this.#slots.get(parameter);
    if (slot === undefined) this.#slots.delete(parameter);
    else this.#slots.set(parameter, slot);
    if (slot !== undefined) tensorsOf(slot.state).forEach(keep);
    if (old !== undefined) for (const x of tensorsOf(old.state)) x.dispose();
  }
}
