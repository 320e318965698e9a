/** A polynomial in nested form, constant term first. */
export const polynomial = (x: string, [first, ...rest]: readonly number[]): string =>
  rest.length === 0 ? `${first}` : `(${first} + ${x} * ${polynomial(x, rest)})`;

/** Their inverses, as the coefficients of series are. */
export const inverses = (...of: number[]): number[] => of.map((n) => 1 / n);
