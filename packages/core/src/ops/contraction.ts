import { ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { show, sizeOf, stridesOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { mul } from "./elementwise.ts";
import { matmul } from "./matmul.ts";
import { gatherView, permute, reshape } from "./movement.ts";
import { sum } from "./sum.ts";

/** @internal The name of an axis: a letter, or the distance from the right of an axis that an ellipsis covers. */
export type Label = string | number;
/** @internal */
export type Labels = readonly Label[];
type Sizes = ReadonlyMap<Label, number>;

/** A tensor whose axes have names. Axes of size 1 are left out: they stretch to everything. */
interface Term {
  readonly x: Tensor;
  readonly labels: Labels;
}

/** The size of every axis. Those of size 1 stretch to others of their name. */
function sizesOf(op: string, tensors: readonly Tensor[], inputs: readonly Labels[]): Sizes {
  const sizes = new Map<Label, number>();
  for (const [i, labels] of inputs.entries())
    for (const [axis, label] of labels.entries()) {
      const { shape } = tensors[i]!;
      const [size, first] = [shape[axis]!, shape[labels.indexOf(label)]!];
      const known = sizes.get(label) ?? 1;
      if (size !== first || (size !== known && size !== 1 && known !== 1))
        throw new ShapeError(
          op,
          `the axes ${typeof label === "string" ? `"${label}"` : "..."} differ: ${size} in operand ${i}, ${show(shape)}, and ${size === first ? known : first}`,
          "make them equal, or 1 in whole operands",
        );
      sizes.set(label, known === 1 ? size : known);
    }
  return sizes;
}

/** The tensor with each of its names once, on the diagonal of those that are repeated, and without axes of size 1. */
function term(x: Tensor, labels: Labels): Term {
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

/** All terms as one, summed over what is not in the output. */
function contracted(terms: readonly Term[], output: Labels, sizes: Sizes): Term {
  const left = [...terms];
  /** Whether an axis that only `b` has comes before all that only `a` has. */
  const leads = (b: Term, a: Term): boolean => {
    const own = output.find((label) => a.labels.includes(label) !== b.labels.includes(label));
    return own !== undefined && b.labels.includes(own);
  };
  while (left.length > 1) {
    const labels = left.map((t) => t.labels);
    const [i, j] = left.length === 2 ? [0, 1] : cheapest(labels, output, sizes).pair;
    const [b] = left.splice(j, 1) as [Term];
    const [a] = left.splice(i, 1) as [Term];
    const kept = (label: Label): boolean => output.includes(label) || left.some(({ labels }) => labels.includes(label));
    // What comes first in the output becomes the rows.
    left.push(leads(b, a) ? contract(b, a, kept, sizes) : contract(a, b, kept, sizes));
  }
  return summed(left[0]!, (label) => output.includes(label));
}

/**
 * @internal The product of tensors whose axes have names, summed over those that are not in the output. Where axes of one name differ, an
 * error in the name of `op` says so.
 */
export function contractAll(op: string, tensors: readonly Tensor[], inputs: readonly Labels[], output: Labels): Tensor {
  const sizes = sizesOf(op, tensors, inputs);
  return scope(() => {
    const result = contracted(
      tensors.map((x, i) => term(x, inputs[i]!)),
      output,
      sizes,
    );
    const order = output.filter((label) => result.labels.includes(label));
    return reshape(
      ordered(result, order),
      output.map((label) => sizes.get(label)!),
    );
  });
}
