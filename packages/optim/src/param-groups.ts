import { ArgumentError, Parameter, Tensor } from "@descent/core";
import { badValues, type Checks, nonNegative, optional, reject, shown, unknownNames } from "./checks.ts";
import type { Rule, State } from "./rule.ts";

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
  rule: Rule<H, S>,
  params: Params<H>,
  defaults: H,
): ParamGroup<H>[] {
  const items = listed(rule.name, params);
  const given = items.some(isGroup) ? items : [{ params: items }];
  const groups = given.map((group) => groupOf(rule, group as GroupOptions<H>, defaults));
  if (groups.every((group) => group.params.length === 0))
    throw new ArgumentError(rule.name, "the list of parameters is empty", "pass those of a module that has some");
  rejectRepeats(rule.name, groups);
  return groups;
}

/** One group: its own options over the defaults. */
export function groupOf<H extends object, S extends State<S>>(
  rule: Rule<H, S>,
  group: GroupOptions<H>,
  defaults: H,
): ParamGroup<H> {
  if (!isGroup(group))
    throw new ArgumentError(rule.name, `expected a group { params, … }, got ${shown(group)}`, "make all items groups");
  const { params, ...options } = group;
  const parameters = listOf(rule.name, params, Parameter);
  reject(rule.name, unknownNames(options, checksOf(rule)));
  const hyper = withDefaults(defaults, options as unknown as Partial<H>);
  reject(rule.name, hyperProblems(rule, hyper));
  return { ...copied(hyper), params: parameters } as ParamGroup<H>;
}

/** Throws if a parameter appears in the groups more than once. */
export function rejectRepeats(op: string, groups: readonly { readonly params: readonly Parameter[] }[]): void {
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

/** The checks of a rule's options, and of that which schedules add. */
export const checksOf = <H extends object, S extends State<S>>({ checks }: Rule<H, S>) =>
  ({ ...checks, initialLr: optional(nonNegative) }) as Checks<H>;

/** Everything that is wrong with the values of a group's options. */
export function hyperProblems<H extends object, S extends State<S>>(rule: Rule<H, S>, hyper: H, prefix = ""): string[] {
  const problems = badValues(hyper, checksOf(rule), prefix);
  const clash = problems.length === 0 && rule.conflict?.(hyper);
  return clash ? [prefix + clash] : problems;
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
function listed(op: string, params: unknown): unknown[] {
  if (typeof params === "object" && params !== null && Symbol.iterator in params && !(params instanceof Tensor))
    return [...(params as Iterable<unknown>)];
  throw new ArgumentError(op, `expected an iterable of parameters, got ${shown(params)}`, "pass module.parameters()");
}

/** One parameter or several, of which all are what they should be. */
export function listOf<T extends Tensor>(op: string, params: unknown, Kind: abstract new (...args: never[]) => T): T[] {
  const items = params instanceof Kind ? [params] : listed(op, params);
  for (const [i, item] of items.entries())
    if (!(item instanceof Kind))
      throw new ArgumentError(op, `item ${i} of the parameters is ${shown(item)}`, "pass module.parameters()");
  return items as T[];
}
