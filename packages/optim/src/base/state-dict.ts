import { detach, type Parameter, StateDictError, show, Tensor } from "@descent/core";
import { positiveInteger, shown, unknownNames } from "../checks.ts";
import type { JointRule } from "./joint-rule.ts";
import { copied, hyperNames, hyperProblems, type ParamGroup, withDefaults } from "./param-groups.ts";
import { mapTensors, type RuleBase, type State, type StateValue } from "./rule.ts";
import type { Slot } from "./slots.ts";

/** The saved state of one parameter; what there is none of yet is left out. */
export type SavedState<S> = { readonly step: number } & { readonly [K in keyof S]?: NonNullable<S[K]> };

/** The saved options of a group, with its parameters as numbers. */
export type SavedGroup<H> = { readonly [K in keyof H]: H[K] } & {
  readonly params: readonly number[];
  readonly initialLr?: number;
};

/** The state of an optimizer, under PyTorch's names in camelCase. */
export interface OptimizerStateDict<H, S, C = Record<never, never>> {
  /** By the number of the parameter; parameters that have not made a step are left out. */
  readonly state: Readonly<Record<number, SavedState<S>>>;
  readonly paramGroups: readonly SavedGroup<H>[];
  /** What all parameters share, in algorithms that see them all, once there has been a step. */
  readonly shared?: C;
  /** Whether the parameters hold the weights to train with, where those to use are others. */
  readonly training?: boolean;
}

/** The state of one parameter as `stateDict()` shows it. */
export const snapshot = <S extends State<S>>({ step, state }: Slot<S>): SavedState<S> => {
  const present = Object.entries<StateValue>(state).filter(([, x]) => x !== null);
  return { step, ...mapTensors(Object.fromEntries(present), detach) } as SavedState<S>;
};

/** The options of a group as `stateDict()` shows them. */
export function groupState<H extends object, S extends State<S>>(
  rule: RuleBase<H, S>,
  group: ParamGroup<H>,
  index: ReadonlyMap<Parameter, number>,
): SavedGroup<H> {
  const known = Object.entries(group).filter(([name]) => Object.hasOwn(hyperNames(rule), name));
  return {
    ...copied(Object.fromEntries(known)),
    params: group.params.map((p) => index.get(p)!),
  } as unknown as SavedGroup<H>;
}

/** The options and the state that a dict holds for some groups. Throws with all that does not fit. */
export function verify<H extends object, S extends State<S>, C extends State<C>>(
  rule: RuleBase<H, S> & Partial<Pick<JointRule<H, S, C>, "begin" | "fits">>,
  groups: readonly ParamGroup<H>[],
  dict: OptimizerStateDict<H, S, C>,
): { options: H[]; slots: Map<Parameter, Slot<S>>; shared: C | null } {
  const op = `${rule.name}.loadStateDict`;
  if (!isStateDict(dict))
    throw new StateDictError(
      op,
      "this is no { state, paramGroups } with lists of params",
      "pass what stateDict() gave",
    );
  const { state, paramGroups } = dict;
  const problems: string[] = [];
  const options: H[] = [];
  const slots = new Map<Parameter, Slot<S>>();
  if (paramGroups.length !== groups.length)
    problems.push(`the dict has ${paramGroups.length} parameter groups, the optimizer ${groups.length}`);
  for (const [i, { params: numbers, ...saved }] of paramGroups.slice(0, groups.length).entries()) {
    const { params } = groups[i]!;
    const hyper = saved as unknown as H;
    problems.push(
      ...unknownNames(hyper, hyperNames(rule), `paramGroups[${i}].`),
      ...hyperProblems(rule, hyper, `paramGroups[${i}].`),
    );
    if (numbers.length !== params.length)
      problems.push(`paramGroups[${i}] has ${numbers.length} parameters, the optimizer's group ${params.length}`);
    options.push(copied(hyper));
    for (const [k, parameter] of params.slice(0, numbers.length).entries()) {
      const entry = state[numbers[k]!];
      if (entry === undefined) continue;
      const template = rule.init(parameter, withDefaults(rule.defaults, hyper));
      slots.set(parameter, slotOf(entry, template, parameter, `state[${numbers[k]}].`, problems));
    }
  }
  const { shared = null, training } = dict;
  if (shared !== null) {
    const wrong = sharedProblems(rule.begin?.(groups[0]!) ?? null, shared);
    const misfit =
      wrong.length > 0
        ? null
        : rule.fits?.(
            shared,
            groups.flatMap(({ params }) => params),
          );
    problems.push(...wrong, ...(misfit ? [`shared ${misfit}`] : []));
  }
  if (training !== undefined && (rule.modes === undefined || typeof training !== "boolean"))
    problems.push(`training is ${shown(training)}, expected ${rule.modes === undefined ? "nothing" : "true or false"}`);
  const known = new Set(paramGroups.flatMap(({ params }) => params).map(String));
  for (const number of Object.keys(state))
    if (!known.has(number)) problems.push(`state[${number}] belongs to no parameter`);
  if (problems.length > 0)
    throw new StateDictError(
      op,
      `the dict does not fit:\n  ${problems.join("\n  ")}\n`,
      "make the optimizer as it was when the dict was saved, with the same parameters in the same groups",
    );
  return { options, slots, shared: shared && mapTensors(shared, detach) };
}

/** What is wrong with what parameters share, given what they share at the start. */
function sharedProblems<C extends State<C>>(template: C | null, shared: object): string[] {
  if (template === null) return ["shared is there, where parameters share nothing"];
  const problems = unknownNames(shared, template, "shared.");
  for (const [name, like] of Object.entries<StateValue>(template)) {
    const value = (shared as Record<string, unknown>)[name];
    const isRight =
      like === null ? value !== undefined : Array.isArray(like) ? Array.isArray(value) : typeof value === typeof like;
    if (!isRight) problems.push(`shared.${name} is ${shown(value)}, expected ${shown(like)} or its like`);
  }
  return problems;
}

/** Whether something has the outline of a state dict; what it holds is not looked at. */
function isStateDict(dict: unknown): boolean {
  if (!isRecord(dict) || !isRecord(dict.state) || !Array.isArray(dict.paramGroups)) return false;
  const hasParams = (group: unknown): boolean => isRecord(group) && Array.isArray(group.params);
  return Object.values(dict.state).every(isRecord) && dict.paramGroups.every(hasParams);
}

const isRecord = (x: unknown): x is Record<string, unknown> => typeof x === "object" && x !== null && !Array.isArray(x);

/** Reads one entry, whose names are those of `template`; adds to `problems`. */
function slotOf<S extends State<S>>(
  { step, ...values }: SavedState<S>,
  template: S,
  parameter: Parameter,
  prefix: string,
  problems: string[],
): Slot<S> {
  if (!positiveInteger.test(step))
    problems.push(`${prefix}step is ${shown(step)}, expected ${positiveInteger.expected}`);
  problems.push(...unknownNames(values, template, prefix));
  const state = Object.entries<StateValue>(template).map(([name, like]) => {
    const value = (values as Record<string, StateValue | undefined>)[name] ?? null;
    const expected = expectedAt(value, like, parameter);
    if (expected !== null) problems.push(`${prefix}${name} is ${described(value)}, expected ${expected}`);
    return [name, value];
  });
  // What does not fit is thrown away with the rest.
  return { step, state: mapTensors(Object.fromEntries(state) as S, detach) };
}

/** What should stand in a place where `like` would at the start, or `null` if `value` may stand there. */
function expectedAt(value: unknown, like: StateValue, parameter: Parameter): string | null {
  if (value === null && like === null) return null;
  if (typeof like === "number") return typeof value === "number" ? null : "a number";
  if (Array.isArray(like)) {
    const fits =
      Array.isArray(value) &&
      value.length === like.length &&
      (like as readonly StateValue[]).every((x, i) => expectedAt(value[i], x, parameter) === null);
    return fits ? null : `a list of ${like.length}, each ${described(like[0])}`;
  }
  const model = like instanceof Tensor ? like : parameter;
  return isLike(value, model) ? null : described(model);
}

/** @internal Whether a value may stand in the place of a tensor. */
export const isLike = (value: unknown, { shape, dtype, backend }: Tensor): boolean =>
  value instanceof Tensor && show(value.shape) === show(shape) && value.dtype === dtype && value.backend === backend;

/** @internal As messages show a value of a state, or what should stand there. */
export const described = (value: unknown): string =>
  value instanceof Tensor
    ? `a ${value.dtype} tensor of shape ${show(value.shape)} on "${value.backend.name}"`
    : value === null
      ? "missing"
      : shown(value);
