import { ArgumentError, IndexError } from "@descent/core";

/** A position among `length` items, from the end where it is negative, and up to `last`. */
export function position(op: string, index: number, length: number, last = length - 1): number {
  const at = index < 0 ? index + length : index;
  if (!Number.isInteger(at) || at < 0 || at > last)
    throw new IndexError(op, `there is no item ${index} among ${length}`);
  return at;
}

/** Throws where something cannot be part of a path. */
export function checkName(op: string, name: string): void {
  if (name === "" || name.includes("."))
    throw new ArgumentError(op, `"${name}" cannot be a name`, "use one without dots");
}
