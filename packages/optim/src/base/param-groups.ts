import { ArgumentError, Parameter, Tensor } from "@descent/core";
import { badValues, nonNegative, optional, reject, shown, unknownNames } from "../checks.ts";
import type { RuleBase, State } from "./rule.ts";

/** Parameters, and options of their own. */
export type GroupOptions<H extends object> = Partial<H> & {
  readonly params: Parameter | Iterable<Parameter>;
  /** The learning rate before any schedule. */
  readonly initialLr?: number;
};

/** What an optimizer is given to train: `module.parameters()`, or groups of parameters. */
export type Params<H extends object> = Iterable<Parameter> | Iterable<GroupOptions<H>>;

/** Parameters with their options, which are read at every step and may be changed between steps. */
export type ParamGroup<H extends object> = { -readonly [K in keyof H]: H[K] } & {
  readonly params: readonly Parameter[];
  /** The learning rate before any schedule, recorded by the first scheduler. */
  initialLr?: number;
};

/** The groups that `params` describes. Throws where something is wrong with one of them. */
export function groupsOf<H extends object, S extends State<S>>(
  rule: RuleBase<H, S>,
  params: Params<H>,
  defaults: H,
): ParamGroup<H>[] {
  const items = listed(rule.name, params);
  const isGrouped = items.some(isGroup);
  const groups = isGrouped
    ? items.map((item) => groupOf(rule, item as GroupOptions<H>, defaults))
    : [groupOf(rule, { params: items } as unknown as GroupOptions<H>, defaults)];
  if (groups.every((group) => group.params.length === 0))
    throw new ArgumentError(
      rule.name,
      "the list of parameters is empty",
      "pass module.parameters() of a module that has some; a generator gives them only once",
    );
  rejectGroups(rule, groups);
  return groups;
}

/** One group: its own options over the defaults. */
export function groupOf<H extends object, S extends State<S>>(
  rule: RuleBase<H, S>,
  group: GroupOptions<H>,
  defaults: H,
): ParamGroup<H> {
  if (!isGroup(group))
    throw new ArgumentError(rule.name, `expected a group { params, … }, got ${shown(group)}`, "make all items groups");
  const { params, ...options } = group;
  const parameters = params instanceof Parameter ? [params] : listed(rule.name, params);
  for (const [i, parameter] of parameters.entries())
    if (!(parameter instanceof Parameter))
      throw new ArgumentError(
        rule.name,
        `item ${i} of the parameters is ${shown(parameter)}, not a Parameter`,
        "pass module.parameters(), or groups { params, … }; new Parameter(tensor) makes one",
      );
  for (const [i, parameter] of (parameters as Parameter[]).entries()) {
    const problem = rule.accepts?.(parameter) ?? null;
    if (problem !== null) throw new ArgumentError(rule.name, `item ${i} of the parameters ${problem}`);
  }
  reject(rule.name, unknownNames(options, hyperNames(rule)));
  const hyper = withDefaults(defaults, options as unknown as Partial<H>);
  reject(rule.name, hyperProblems(rule, hyper));
  return { ...copied(hyper), params: parameters as Parameter[] } as ParamGroup<H>;
}

/** Throws if a parameter appears in the groups more than once, or if there may be one group only. */
export function rejectGroups<H extends object, S extends State<S>>(
  { name: op, oneGroup = false }: RuleBase<H, S> & { readonly oneGroup?: boolean },
  groups: readonly { readonly params: readonly Parameter[] }[],
): void {
  if (oneGroup && groups.length > 1)
    throw new ArgumentError(op, `${groups.length} parameter groups, where all have the same options`, "pass one list");
  const home = new Map<Parameter, number>();
  for (const [i, { params }] of groups.entries())
    for (const parameter of params) {
      const other = home.get(parameter);
      if (other !== undefined)
        throw new ArgumentError(
          op,
          `${shown(parameter)} appears twice, in group ${other} and in group ${i}`,
          "list every parameter once",
        );
      home.set(parameter, i);
    }
}

/** The options that schedules add to those of the rule. */
const FOR_SCHEDULES = { initialLr: optional(nonNegative) };

/** The names that the options of a group may have, as keys. */
export const hyperNames = <H extends object, S extends State<S>>({ checks }: RuleBase<H, S>): object => ({
  ...checks,
  ...FOR_SCHEDULES,
});

/** Everything that is wrong with the values of a group's options. */
export function hyperProblems<H extends object, S extends State<S>>(
  { checks, conflict }: RuleBase<H, S>,
  hyper: H & { readonly initialLr?: number },
  prefix = "",
): string[] {
  const problems = badValues(hyper, checks, prefix);
  problems.push(...badValues<{ initialLr?: number }>(hyper, FOR_SCHEDULES, prefix));
  if (problems.length > 0) return problems;
  const clash = conflict?.(hyper) ?? null;
  return clash === null ? [] : [prefix + clash];
}

/** Options whose lists may be changed without changing the original's. */
export const copied = <H extends object>(hyper: H): H =>
  Object.fromEntries(
    Object.entries(hyper).map(([name, value]) => [name, Array.isArray(value) ? [...value] : value]),
  ) as H;

/** Options over their defaults; `undefined` means that one is not given. */
export function withDefaults<H extends object>(defaults: H, options: Partial<H>): H {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(given) };
}

const isGroup = (item: unknown): boolean => typeof item === "object" && item !== null && "params" in item;

/** The items of what should be an iterable. */
export function listed(op: string, params: unknown): unknown[] {
  if (typeof params === "object" && params !== null && Symbol.iterator in params && !(params instanceof Tensor))
    return [...(params as Iterable<unknown>)];
  throw new ArgumentError(
    op,
    `expected an iterable of parameters, got ${shown(params)}`,
    "pass module.parameters(), or put a single parameter into an array",
  );
}
