import { detach, type Parameter, StateDictError, Tensor } from "@descent/core";
import { AS_SAVED, type Checks, number, positiveInteger, problemsOf, shown, unknownNames } from "./checks.ts";
import { checksOf, copied, hyperProblems, type ParamGroup, withDefaults } from "./param-groups.ts";
import { mapTensors, type Rule, type State } from "./rule.ts";

/** What an optimizer knows about one parameter. */
export interface Slot<S> {
  /** The number of steps the parameter has made. */
  readonly step: number;
  readonly state: S;
}

/** The saved state of one parameter; what there is none of yet is left out. */
export type SavedState<S> = { readonly step: number } & { readonly [K in keyof S]?: NonNullable<S[K]> };

/** The saved options of a group, with its parameters as numbers. */
export type SavedGroup<H> = { readonly [K in keyof H]: H[K] } & {
  readonly params: readonly number[];
  readonly initialLr?: number;
};

/** The state of an optimizer, under PyTorch's names in camelCase. */
export interface OptimizerStateDict<H, S> {
  /** By the number of the parameter; parameters that have not made a step are left out. */
  readonly state: Readonly<Record<number, SavedState<S>>>;
  readonly paramGroups: readonly SavedGroup<H>[];
}

/** The state of one parameter as `stateDict()` shows it. */
export const snapshot = <S extends State<S>>({ step, state }: Slot<S>): SavedState<S> => {
  const present = Object.entries(mapTensors(state, detach)).filter(([, x]) => x !== null);
  return { step, ...Object.fromEntries(present) } as SavedState<S>;
};

/** The options of a group as `stateDict()` shows them. */
export function groupState<H extends object, S extends State<S>>(
  rule: Rule<H, S>,
  group: ParamGroup<H>,
  index: ReadonlyMap<Parameter, number>,
): SavedGroup<H> {
  const known = Object.entries(group).filter(([name]) => Object.hasOwn(checksOf(rule), name));
  return {
    ...copied(Object.fromEntries(known)),
    params: group.params.map((p) => index.get(p)!),
  } as unknown as SavedGroup<H>;
}

/** The options and the state that a dict holds for some groups. Throws with all that does not fit. */
export function verify<H extends object, S extends State<S>>(
  rule: Rule<H, S>,
  groups: readonly ParamGroup<H>[],
  dict: OptimizerStateDict<H, S>,
): { options: H[]; slots: Map<Parameter, Slot<S>> } {
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
    const at = `paramGroups[${i}]`;
    problems.push(...unknownNames(hyper, checksOf(rule), `${at}.`), ...hyperProblems(rule, hyper, `${at}.`));
    if (numbers.length !== params.length)
      problems.push(`${at} has ${numbers.length} parameters, the optimizer's group ${params.length}`);
    options.push(copied(hyper));
    for (const [k, parameter] of params.slice(0, numbers.length).entries()) {
      const entry = state[numbers[k]!];
      if (entry === undefined) continue;
      const template = rule.init(parameter, withDefaults(rule.defaults, hyper));
      const checks = stateChecks(template, parameter);
      problems.push(...problemsOf(entry, checks, `state[${numbers[k]}].`));
      const values = Object.keys(template).map((name) => [name, entry[name as keyof S] ?? null]);
      slots.set(parameter, { step: entry.step, state: mapTensors(Object.fromEntries(values) as S, detach) });
    }
  }
  const known = new Set(paramGroups.flatMap(({ params }) => params).map(String));
  for (const number of Object.keys(state))
    if (!known.has(number)) problems.push(`state[${number}] belongs to no parameter`);
  if (problems.length > 0)
    throw new StateDictError(op, `the dict does not fit:\n  ${problems.join("\n  ")}\n`, AS_SAVED);
  return { options, slots };
}

/** Whether something has the outline of a state dict; what it holds is not looked at. */
function isStateDict(dict: unknown): boolean {
  if (!isRecord(dict) || !isRecord(dict.state) || !Array.isArray(dict.paramGroups)) return false;
  const hasParams = (group: unknown): boolean => isRecord(group) && Array.isArray(group.params);
  return Object.values(dict.state).every(isRecord) && dict.paramGroups.every(hasParams);
}

const isRecord = (x: unknown): x is Record<string, unknown> => typeof x === "object" && x !== null && !Array.isArray(x);

/** What the saved state of a parameter may hold, where it would begin as `template`. */
function stateChecks<S extends State<S>>(template: S, parameter: Parameter): Checks<SavedState<S>> {
  const checks = Object.entries<Tensor | number | null>(template).map(([name, like]) => {
    if (typeof like === "number") return [name, number("a number", () => true)];
    const model = like ?? parameter;
    const test = (x: unknown): boolean =>
      x instanceof Tensor ? shown(x) === shown(model) && x.backend === model.backend : x == null && like === null;
    return [name, { expected: shown(model), test }];
  });
  return { step: positiveInteger, ...Object.fromEntries(checks) } as Checks<SavedState<S>>;
}
