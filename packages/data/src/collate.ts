import { ArgumentError, ShapeError, sameShape, scope, show, stack, Tensor, tensor } from "@descent/core";

type NumericArray = ArrayLike<number> & ArrayBufferView;

/** What a list of samples becomes: tensors in the places of tensors, numbers, booleans and typed arrays, lists in those of strings. */
export type Collated<T> = T extends Tensor | number | boolean | NumericArray
  ? Tensor
  : T extends string
    ? string[]
    : { -readonly [K in keyof T]: Collated<T[K]> };

/**
 * One batch from a list of samples, with a new first axis. Integers become int32, other numbers float32, booleans bool; typed arrays
 * keep their dtype; arrays and plain objects are collated entry by entry.
 */
export const collate = <T>(samples: readonly T[]): Collated<T> => {
  if (samples.length === 0) throw new ArgumentError("collate", "the list of samples is empty");
  return merge(samples, "") as Collated<T>;
};

type Kind = "tensor" | "typed array" | "number" | "boolean" | "string" | "array" | "object";

/** How the entries `at` one place in all samples become one, by their kind. */
const MERGE: Record<Kind, (items: readonly never[], at: string) => unknown> = {
  tensor: stackAll,
  "typed array": (items: readonly NumericArray[], at) =>
    scope(() =>
      stackAll(
        items.map((item) => tensor(item)),
        at,
      ),
    ),
  number: (items: readonly number[]) => tensor(items, { dtype: items.every(Number.isInteger) ? "int32" : "float32" }),
  boolean: (items: readonly boolean[]) => tensor(items),
  string: (items: readonly string[]) => items,
  array: (items: readonly (readonly unknown[])[], at) => {
    const [{ length }] = items as [readonly unknown[]];
    const other = items.findIndex((item) => item.length !== length);
    if (other > 0)
      throw mismatch(at, `has ${items[other]!.length} entries in sample ${other} and ${length} in sample 0`);
    return Array.from({ length }, (_, k) =>
      merge(
        items.map((item) => item[k]),
        `${at}[${k}]`,
      ),
    );
  },
  object: (items: readonly Readonly<Record<string, unknown>>[], at) => {
    const keys = Object.keys(items[0]!);
    const show = (names: readonly string[]): string => `{ ${[...names].sort().join(", ")} }`;
    items.forEach((item, i) => {
      if (show(Object.keys(item)) !== show(keys))
        throw mismatch(at, `is ${show(Object.keys(item))} in sample ${i} and ${show(keys)} in sample 0`);
    });
    return Object.fromEntries(
      keys.map((key) => [
        key,
        merge(
          items.map((item) => item[key]),
          `${at}.${key}`,
        ),
      ]),
    );
  },
};

function merge(items: readonly unknown[], at: string): unknown {
  const kinds = items.map(kindOf);
  const other = kinds.findIndex((kind) => kind === null || kind !== kinds[0]);
  if (other >= 0) {
    const what = (i: number): string => kinds[i] ?? Object.prototype.toString.call(items[i]).slice(8, -1);
    throw mismatch(
      at,
      other === 0 || kinds[other] === null
        ? `has no batched form in sample ${other}: ${what(other)}`
        : `has kind ${what(other)} in sample ${other} and ${what(0)} in sample 0`,
    );
  }
  return MERGE[kinds[0]!](items as readonly never[], at);
}

function kindOf(value: unknown): Kind | null {
  if (value instanceof Tensor) return "tensor";
  if (ArrayBuffer.isView(value)) return value instanceof DataView ? null : "typed array";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "string")
    return typeof value as "number" | "boolean" | "string";
  const prototype: unknown = typeof value === "object" && value !== null && Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? "object" : null;
}

function stackAll(tensors: readonly Tensor[], at: string): Tensor {
  const [{ shape }] = tensors as readonly [Tensor];
  const other = tensors.findIndex((x) => !sameShape(x.shape, shape));
  if (other > 0)
    throw new ShapeError(
      "collate",
      `${place(at)} has shape ${show(tensors[other]!.shape)} in sample ${other} and ${show(shape)} in sample 0`,
      REMEDY,
    );
  return scope(() => stack(tensors));
}

const REMEDY = "give all samples one form, or pass a collate function";
const place = (at: string): string => `sample${at}`;
const mismatch = (at: string, problem: string): ArgumentError =>
  new ArgumentError("collate", `${place(at)} ${problem}`, REMEDY);
