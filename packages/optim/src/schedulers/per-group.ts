import type { Check } from "../checks.ts";

/** One value for all parameter groups, or a list with one for each. */
export type PerGroup<T> = T | readonly T[];

/** Options of which some may be lists with an entry for every group. */
export type Listed<O, K extends keyof O> = Omit<O, K> & { readonly [P in K]: PerGroup<NonNullable<O[P]>> };

/** The entry of group `i`. */
export const at = <T>(value: PerGroup<T>, i: number): T => (Array.isArray(value) ? value[i] : value) as T;

/** What a check accepts, or a list of it. */
export const perGroup = (check: Check): Check => ({
  expected: `${check.expected}, or a list of one for every group`,
  test: (value) => (Array.isArray(value) ? value.every(check.test) : check.test(value)),
});
