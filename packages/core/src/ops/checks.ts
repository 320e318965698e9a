import type { DType } from "../dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../errors.ts";
import { type Shape, sameShape, show } from "../shape.ts";

// What many ops demand of their arguments, each with one message.

/** Throws unless a word is one of those that are known. */
export function checkWord(op: string, name: string, word: string, known: readonly string[]): void {
  if (!known.includes(word)) throw new ArgumentError(op, `unknown ${name} "${word}"`, `use one of ${known.join(", ")}`);
}

/** Throws unless a number is a positive integer. */
export function checkPositive(op: string, name: string, value: number): void {
  if (!Number.isInteger(value) || value <= 0)
    throw new ArgumentError(op, `${name} must be a positive integer, got ${value}`);
}

/** Throws unless a shape is the one that is wanted. */
export function checkSame(op: string, name: string, shape: Shape, wanted: Shape, remedy = "reshape() it"): void {
  if (!sameShape(shape, wanted)) throw new ShapeError(op, `the ${name} ${show(shape)} must be ${show(wanted)}`, remedy);
}

/** Throws where an axis is empty of which an element is selected. */
export function checkSome(op: string, shape: Shape, axes: readonly number[]): void {
  if (axes.some((axis) => shape[axis] === 0))
    throw new ShapeError(op, `${show(shape)} is empty, with nothing to select`, "look at the shape first");
}

/** Throws unless the elements are of one dtype. */
export function checkDType(op: string, name: string, dtype: DType | null, wanted: DType): void {
  if (dtype !== wanted)
    throw new DTypeError(op, `expected ${wanted} as ${name}, got ${dtype}`, `convert it with .to("${wanted}")`);
}

/** The first of some operands, of which there must be one. */
export function firstOf<T>(op: string, list: readonly T[]): T {
  if (list.length === 0) throw new ArgumentError(op, "the list of tensors is empty", "pass at least one");
  return list[0]!;
}
