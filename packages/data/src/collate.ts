import { ArgumentError, ShapeError, scope, show, stack, Tensor, tensor } from "@descent/core";

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
  return merge(samples, "sample") as Collated<T>;
};

/** How the entries `at` one place in all samples become one. */
function merge(items: readonly unknown[], at: string): unknown {
  const [first] = items;
  const isTensor = first instanceof Tensor || ArrayBuffer.isView(first);
  const forms = items.map(formOf);
  const other = forms.findIndex((form) => form === null || form !== forms[0]);
  if (other >= 0) {
    const problem =
      forms[other] === null
        ? `has no batched form in sample ${other}: ${items[other]?.constructor.name ?? items[other]}`
        : `is ${forms[other]} in sample ${other} and ${forms[0]} in sample 0`;
    const remedy = "give all samples one form, or pass a collate function";
    throw new (isTensor ? ShapeError : ArgumentError)("collate", `${at} ${problem}`, remedy);
  }
  if (isTensor) return scope(() => stack(items.map((x) => (x instanceof Tensor ? x : tensor(x as NumericArray)))));
  if (typeof first === "string") return items;
  if (typeof first !== "object")
    return tensor(items as number[], items.every(Number.isInteger) ? { dtype: "int32" } : {});
  const isArray = Array.isArray(first);
  const entries = Object.keys(first!).map((key) => [
    key,
    merge(
      items.map((item) => (item as Readonly<Record<string, unknown>>)[key]),
      isArray ? `${at}[${key}]` : `${at}.${key}`,
    ),
  ]);
  return isArray ? entries.map(([, batch]) => batch) : Object.fromEntries(entries);
}

/** What entries of all samples need to have in common, in words; `null` where there is no batch of them. */
function formOf(value: unknown): string | null {
  if (value instanceof Tensor) return `a tensor of shape ${show(value.shape)}`;
  if (ArrayBuffer.isView(value))
    return value instanceof DataView ? null : `a typed array of length ${(value as NumericArray).length}`;
  if (Array.isArray(value)) return `an array of length ${value.length}`;
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "string") return `a ${typeof value}`;
  const prototype: unknown = typeof value === "object" && value !== null && Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? `{ ${Object.keys(value!).sort().join(", ")} }` : null;
}
