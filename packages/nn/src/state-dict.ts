import {
  type Buffer,
  isFloat,
  noGrad,
  type Parameter,
  StateDictError,
  sameShape,
  scope,
  show,
  type Tensor,
} from "@descent/core";

/** Tensors under the names of the parameters and buffers that they are the values of. */
export type StateDict = Readonly<Record<string, Tensor>>;

/** Options of `loadStateDict`. */
export interface LoadOptions {
  /** Whether names that only one side has are an error. Default true. */
  readonly strict?: boolean;
}

/** The names that only one side had. Without `strict: false` both are empty. */
export interface LoadResult {
  readonly missingKeys: readonly string[];
  readonly unexpectedKeys: readonly string[];
}

/** Where a value goes. */
export interface Slot {
  readonly variable: Parameter | Buffer;
  /** Whether older files lack it. */
  readonly optional: boolean;
}

/** Replaces the values of all slots by those of the same name, or throws and replaces none. */
export function load(
  owner: string,
  slots: ReadonlyMap<string, Slot>,
  given: ReadonlyMap<string, Tensor>,
  { strict = true }: LoadOptions,
): LoadResult {
  const missingKeys = [...slots].flatMap(([name, { optional }]) => (given.has(name) || optional ? [] : [name]));
  const unexpectedKeys = [...given.keys()].filter((name) => !slots.has(name));
  const pairs = [...slots].flatMap(([name, { variable }]) => {
    const value = given.get(name);
    return value === undefined ? [] : [{ name, variable, value }];
  });
  const problems = pairs.flatMap(({ name, variable, value }) => misfit(name, variable, value));
  if (strict && unexpectedKeys.length > 0) problems.unshift(`unexpected: ${unexpectedKeys.join(", ")}`);
  if (strict && missingKeys.length > 0) problems.unshift(`missing: ${missingKeys.join(", ")}`);
  if (problems.length > 0)
    throw new StateDictError(
      "loadStateDict",
      `the state dict does not fit ${owner}, which stays as it is:\n  ${problems.join("\n  ")}`,
      "{ strict: false } skips what is missing or unexpected, shapes and dtypes must fit",
    );
  scope(() =>
    noGrad(() => {
      const values = pairs.map(({ value, variable }) => convert(value, variable));
      for (const [i, { variable }] of pairs.entries()) variable.assign(values[i]!);
    }),
  );
  return { missingKeys, unexpectedKeys };
}

function misfit(name: string, variable: Tensor, value: Tensor): string[] {
  const problems: string[] = [];
  if (!sameShape(value.shape, variable.shape))
    problems.push(`${name}: shape ${show(value.shape)}, expected ${show(variable.shape)}`);
  if (value.dtype !== variable.dtype && !(isFloat(value.dtype) && isFloat(variable.dtype)))
    problems.push(`${name}: dtype ${value.dtype}, expected ${variable.dtype}`);
  return problems;
}

/** In the dtype and on the backend of `like`. The conversion happens where both dtypes exist. */
const convert = (value: Tensor, { dtype, backend }: Tensor): Tensor =>
  backend.dtypes.includes(value.dtype) ? value.to(backend).to(dtype) : value.to(dtype).to(backend);
