import { ArgumentError, ShapeError } from "../../errors.ts";
import { scope } from "../../memory.ts";
import { show } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { matmul } from "../matmul.ts";

/**
 * The product of matrices in the order that takes the fewest multiplications (Cormen et al., Introduction to Algorithms, section 15.2); the
 * first may be a row and the last a column, as vectors.
 */
export function multiDot(tensors: readonly Tensor[]): Tensor {
  const last = tensors.length - 1;
  if (last < 1) throw new ArgumentError("multiDot", `expected two tensors or more, got ${last + 1}`);
  for (const [i, { shape }] of tensors.entries())
    if (shape.length !== 2 && !(shape.length === 1 && (i === 0 || i === last)))
      throw new ShapeError("multiDot", `tensor ${i} is ${show(shape)}`, "all but the first and last must be matrices");
  // The rows of the first and the columns of each.
  const [first] = tensors as [Tensor];
  const columns = tensors.map(({ shape }, i) => (shape.length === 2 ? shape[1]! : i === 0 ? shape[0]! : 1));
  const sizes = [first.ndim === 1 ? 1 : first.shape[0]!, ...columns];
  const best = plan(sizes);
  const multiply = (i: number, j: number): Tensor => {
    if (i === j) return tensors[i]!;
    const cut = best(i, j).cut;
    return matmul(multiply(i, cut), multiply(cut + 1, j));
  };
  return scope(() => multiply(0, last));
}

/** Where to cut the product of matrices `i` to `j`, of sizes `sizes[i] × sizes[i + 1]` each, and what it costs. */
function plan(sizes: readonly number[]): (i: number, j: number) => { readonly cost: number; readonly cut: number } {
  const known = new Map<string, { cost: number; cut: number }>();
  const best = (i: number, j: number): { cost: number; cut: number } => {
    const found = known.get(`${i},${j}`);
    if (found !== undefined) return found;
    let least = { cost: i === j ? 0 : Number.POSITIVE_INFINITY, cut: i };
    for (let cut = i; cut < j; cut++) {
      const cost = best(i, cut).cost + best(cut + 1, j).cost + sizes[i]! * sizes[cut + 1]! * sizes[j + 1]!;
      if (cost < least.cost) least = { cost, cut };
    }
    known.set(`${i},${j}`, least);
    return least;
  };
  return best;
}
