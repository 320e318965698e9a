import { ArgumentError, DTypeError, ShapeError } from "../errors.ts";
import { sameDType } from "../op.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { contractAll, type Label, type Labels } from "./contraction.ts";

const fail = (problem: string, remedy: string): never => {
  throw new ArgumentError("einsum", problem, remedy);
};

/** The names in one part of an equation, an ellipsis standing for as many axes as `covered`. */
function parse(part: string, covered: number): Label[] {
  const pieces = part.split("...").map((piece) => piece.replaceAll(" ", ""));
  if (pieces.length > 2) fail(`"${part}" has two ellipses`, "write at most one per operand");
  for (const letter of pieces.join(""))
    if (!/[a-zA-Z]/.test(letter)) fail(`"${letter}" in "${part}" is no subscript`, "subscripts are letters or ...");
  const [before, after] = pieces.map((piece) => [...piece]) as [Label[], Label[] | undefined];
  return after === undefined
    ? before
    : [...before, ...Array.from({ length: covered }, (_, i) => covered - i), ...after];
}

/** The names of the axes of operand `i`. */
function labelsOf(part: string, { shape }: Tensor, i: number): Label[] {
  const named = parse(part, 0).length;
  if (named > shape.length || (named < shape.length && !part.includes("...")))
    throw new ShapeError(
      "einsum",
      `"${part}" names ${named} axes of operand ${i}, which is ${show(shape)}`,
      "name every axis once, or let ... stand for some",
    );
  return parse(part, shape.length - named);
}

/** What is written without an arrow: axes that ellipses cover, then the letters that occur once, in order of the alphabet. */
function implicitOutput(inputs: readonly Labels[]): Label[] {
  const all = inputs.flat();
  const covered = Math.max(0, ...all.filter((label) => typeof label === "number"));
  return [
    ...parse("...", covered),
    ...all.filter((a) => typeof a === "string" && all.indexOf(a) === all.lastIndexOf(a)).sort(),
  ];
}

function outputOf(part: string, inputs: readonly Labels[]): Label[] {
  const known = inputs.flat();
  const labels = parse(part, Math.max(0, ...known.filter((label) => typeof label === "number")));
  for (const [i, label] of labels.entries()) {
    if (labels.indexOf(label) < i) fail(`"${label}" appears twice in the output "${part}"`, "name each axis once");
    if (!known.includes(label))
      fail(`"${label}" in the output "${part}" names no axis of an operand`, "take one of theirs");
  }
  return labels;
}

/**
 * Sums of products of elements in Einstein's notation: `einsum("bij,bjk->bik", a, b)` is a matrix product of stacks.
 *
 * Letters name the axes of each operand. Axes of one name are multiplied element by element, a name that is repeated in one operand takes
 * its diagonal, and names that are missing behind the arrow are summed over. `...` stands for any axes, which broadcast; without an arrow,
 * the output has the axes of `...` and then those that are named once, in order of the alphabet. Operands are contracted pair by pair in
 * the order that takes the fewest multiplications, each pair in one matrix product.
 */
export function einsum(equation: string, ...operands: readonly (Tensor | readonly Tensor[])[]): Tensor {
  const tensors = operands.flat() as Tensor[];
  const [left, right, ...rest] = equation.split("->");
  if (rest.length > 0) fail(`"${equation}" has two arrows`, "write one output");
  const parts = left!.split(",");
  if (tensors.length === 0 || parts.length !== tensors.length)
    fail(`"${equation}" describes ${parts.length} operands, got ${tensors.length}`, "separate them by commas");
  const dtypes = tensors.map(({ dtype }) => dtype);
  if (sameDType("einsum", dtypes) === "bool" && tensors.length > 1)
    throw new DTypeError("einsum", "bool has no arithmetic", 'convert it with .to("float32")');
  const inputs = tensors.map((x, i) => labelsOf(parts[i]!, x, i));
  const output = right === undefined ? implicitOutput(inputs) : outputOf(right, inputs);
  return contractAll("einsum", tensors, inputs, output);
}
