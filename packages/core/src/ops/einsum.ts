import { ArgumentError, DTypeError, ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { sameDType } from "../op.ts";
import { show, sizeOf, stridesOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { mul } from "./elementwise.ts";
import { matmul } from "./matmul.ts";
import { gatherView, permute, reshape } from "./movement.ts";
import { sum } from "./sum.ts";

/** The name of an axis: a letter, or the distance from the right of an axis that an ellipsis covers. */
type Label = string | number;
type Labels = readonly Label[];

/** @internal A tensor whose axes have names. Axes of size 1 are left out: they stretch to everything. */
export interface Term {
  readonly x: Tensor;
  readonly labels: Labels;
}

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

/** The size of every axis. Those of size 1 stretch to others of their name. */
function sizesOf(inputs: readonly Labels[], tensors: readonly Tensor[]): Map<Label, number> {
  const sizes = new Map<Label, number>();
  for (const [i, labels] of inputs.entries())
    for (const [axis, label] of labels.entries()) {
      const { shape } = tensors[i]!;
      const [size, first] = [shape[axis]!, shape[labels.indexOf(label)]!];
      const known = sizes.get(label) ?? 1;
      if (size !== first || (size !== known && size !== 1 && known !== 1))
        throw new ShapeError(
          "einsum",
          `the axes named ${typeof label === "string" ? `"${label}"` : "..."} differ: ${size} in operand ${i}, ${show(shape)}, and ${size === first ? known : first}`,
          "make them equal, or 1 in whole operands",
        );
      sizes.set(label, known === 1 ? size : known);
    }
  return sizes;
}

/** @internal The tensor with each of its names once, on the diagonal of those that are repeated, and without axes of size 1. */
export function term(x: Tensor, labels: Labels): Term {
  const kept = [...new Set(labels)].filter((label) => x.shape[labels.indexOf(label)] !== 1);
  const shape = kept.map((label) => x.shape[labels.indexOf(label)]!);
  if (labels.every((label, i) => labels.indexOf(label) === i)) return { x: reshape(x, shape), labels: kept };
  const strides = stridesOf(x.shape);
  const stride = (name: Label): number => strides.reduce((sum, n, i) => (labels[i] === name ? sum + n : sum), 0);
  return { x: gatherView([x], { shape, strides: kept.map(stride), offset: 0 }), labels: kept };
}

/** The sum over all axes but `kept`. */
function summed({ x, labels }: Term, kept: (label: Label) => boolean): Term {
  const axes = labels.flatMap((label, i) => (kept(label) ? [] : [i]));
  return axes.length === 0 ? { x, labels } : { x: sum(x, axes), labels: labels.filter(kept) };
}

/** The tensor with its axes in another order. */
const ordered = ({ x, labels }: Term, order: Labels): Tensor =>
  permute(
    x,
    order.map((label) => labels.indexOf(label)),
  );

const same = (a: Labels, b: Labels): boolean => a.length === b.length && a.every((label, i) => label === b[i]);

/** Two terms as one, summed over the axes that are not `kept`: one product of (stacks of) matrices, or of elements. */
function contract(left: Term, right: Term, kept: (label: Label) => boolean, sizes: Sizes): Term {
  const a = summed(left, (label) => kept(label) || right.labels.includes(label));
  const b = summed(right, (label) => kept(label) || left.labels.includes(label));
  const shared = (t: Term): Label[] => t.labels.filter((label) => a.labels.includes(label) && b.labels.includes(label));
  const rows = a.labels.filter((label) => !b.labels.includes(label));
  const columns = b.labels.filter((label) => !a.labels.includes(label));
  if (shared(a).every(kept) && (rows.length === 0 || columns.length === 0))
    return columns.length === 0 ? stretched(a, b) : stretched(b, a);

  /** As `[stack…, own…, inner…]`, or the last two exchanged where that saves a permutation. */
  const arranged = (t: Term, own: Labels, order: Labels) => {
    const [stack, inner] = [order.filter(kept), order.filter((label) => !kept(label))];
    const transposed = same(t.labels, [...stack, ...inner, ...own]);
    const there = transposed || same(t.labels, [...stack, ...own, ...inner]);
    return { t, own, stack, inner, transposed, moved: there ? 0 : t.x.numel() };
  };
  const inOrderOf = (t: Term) => [arranged(a, rows, shared(t)), arranged(b, columns, shared(t))] as const;
  const [[a1, b1], [a2, b2]] = [inOrderOf(a), inOrderOf(b)];
  const [p, q] = a1.moved + b1.moved <= a2.moved + b2.moved ? [a1, b1] : [a2, b2];
  const size = (labels: Labels): number => sizeOf(labels.map((label) => sizes.get(label)!));
  const matrices = ({ t, own, stack, inner, transposed }: typeof p): Tensor =>
    reshape(transposed ? t.x : ordered(t, [...stack, ...own, ...inner]), [
      ...(stack.length === 0 ? [] : [size(stack)]),
      ...(transposed ? [size(inner), size(own)] : [size(own), size(inner)]),
    ]);
  const labels = [...p.stack, ...rows, ...columns];
  const product = matmul(matrices(p), matrices(q), p.transposed, !q.transposed);
  return {
    x: reshape(
      product,
      labels.map((label) => sizes.get(label)!),
    ),
    labels,
  };
}

/** The product of a term and one that has no other axes. */
function stretched(a: Term, b: Term): Term {
  const order = a.labels.filter((label) => b.labels.includes(label));
  const shape = a.labels.map((label, i) => (order.includes(label) ? a.x.shape[i]! : 1));
  return { x: mul(a.x, reshape(ordered(b, order), shape)), labels: a.labels };
}

type Sizes = ReadonlyMap<Label, number>;

/** Up to so many operands, every order of contractions is tried. */
const FEW = 4;

/** The pair to contract first: of the cheapest order for a few operands, else the cheapest pair. Costs are multiplications. */
function cheapest(
  terms: readonly Labels[],
  output: Labels,
  sizes: Sizes,
): { cost: number; pair: readonly [number, number] } {
  let best = { cost: Number.POSITIVE_INFINITY, pair: [0, 1] as readonly [number, number] };
  for (let j = 1; j < terms.length; j++)
    for (let i = 0; i < j; i++) {
      const both = [...new Set([...terms[i]!, ...terms[j]!])];
      const others = terms.filter((_, k) => k !== i && k !== j);
      let cost = sizeOf(both.map((label) => sizes.get(label)!));
      if (others.length > 0 && terms.length <= FEW)
        cost += cheapest(
          [...others, both.filter((label) => [output, ...others].flat().includes(label))],
          output,
          sizes,
        ).cost;
      if (cost < best.cost) best = { cost, pair: [i, j] };
    }
  return best;
}

/** @internal The product of all terms, summed over what is not in the output. Sizes are those of all names. */
export function contractAll(terms: readonly Term[], output: Labels, sizes: Sizes): Tensor {
  const left = [...terms];
  /** Whether an axis that only `b` has comes before all that only `a` has. */
  const leads = (b: Term, a: Term): boolean => {
    const own = output.find((label) => a.labels.includes(label) !== b.labels.includes(label));
    return own !== undefined && b.labels.includes(own);
  };
  while (left.length > 1) {
    const [i, j] =
      left.length === 2
        ? [0, 1]
        : cheapest(
            left.map(({ labels }) => labels),
            output,
            sizes,
          ).pair;
    const [b] = left.splice(j, 1) as [Term];
    const [a] = left.splice(i, 1) as [Term];
    const kept = (label: Label): boolean => output.includes(label) || left.some(({ labels }) => labels.includes(label));
    // What comes first in the output becomes the rows.
    left.push(leads(b, a) ? contract(b, a, kept, sizes) : contract(a, b, kept, sizes));
  }
  const result = summed(left[0]!, (label) => output.includes(label));
  const order = output.filter((label) => result.labels.includes(label));
  return reshape(
    ordered(result, order),
    output.map((label) => sizes.get(label)!),
  );
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
  if (
    sameDType(
      "einsum",
      tensors.map(({ dtype }) => dtype),
    ) === "bool" &&
    tensors.length > 1
  )
    throw new DTypeError("einsum", "bool has no arithmetic", 'convert it with .to("float32")');
  const inputs = tensors.map((x, i) => labelsOf(parts[i]!, x, i));
  const output = right === undefined ? implicitOutput(inputs) : outputOf(right, inputs);
  const sizes = sizesOf(inputs, tensors);
  return scope(() =>
    contractAll(
      tensors.map((x, i) => term(x, inputs[i]!)),
      output,
      sizes,
    ),
  );
}
