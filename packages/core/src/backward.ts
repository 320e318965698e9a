import { GradientError } from "./errors.ts";
import { enroll, unscoped } from "./memory.ts";
import { onesLike } from "./ops/creation.ts";
import { show } from "./shape.ts";
import { type Edge, type Leaf, noGrad } from "./tape.ts";
import { alias, checkFits, Tensor } from "./tensor.ts";
import { accumulate, aim, type BackwardOptions, checkUsable, explore, type Root, reaches, walk } from "./walk.ts";

/** Options of `backward`. */
export interface BackwardToLeavesOptions extends BackwardOptions {
  /** The leaves that get a gradient. Default: all. */
  readonly inputs?: Tensor | readonly Tensor[];
}

/**
 * Adds the gradient of `y` to `grad` of every leaf it was computed from, or of those in `inputs`.
 *
 * `gradient` is that of `y` itself; it can be left out where `y` has one element, and is 1 then.
 */
export function backward(y: Tensor, gradient?: Tensor, options: BackwardToLeavesOptions = {}): void {
  const roots = [rootOf("backward", y, gradient)];
  const wanted = options.inputs === undefined ? null : new Set(list(options.inputs).map(leafEdge));
  explore(roots, null, (pass) => {
    checkUsable("backward", pass.calls);
    aim(pass, (edge) => (wanted === null ? edge.node.op === null : wanted.has(edge)));
    walk(pass, options, ({ node }, g) => accumulate(node as Leaf, g));
  });
}

function leafEdge({ edge, shape }: Tensor, i: number): Edge {
  if (edge?.node.op === null) return edge;
  throw new GradientError(
    "backward",
    `input ${i} of shape ${show(shape)} is no leaf that requires a gradient`,
    "use grad() for other tensors",
  );
}

/** Options of `grad`. */
export interface GradOptions extends BackwardOptions {
  /** The gradients of the `ys`; 1 for those of one element where it is left out. */
  readonly gradOutputs?: Tensor | readonly (Tensor | undefined)[];
  /** Gives `null` for an `x` that the `ys` do not depend on, instead of throwing. Default false. */
  readonly allowUnused?: boolean;
}

/** The gradients of `ys` (summed) with respect to `xs`, leaves or not; no `grad` changes. */
export function grad(
  ys: Tensor | readonly Tensor[],
  xs: Tensor,
  options?: GradOptions & { allowUnused?: false },
): Tensor;
export function grad(
  ys: Tensor | readonly Tensor[],
  xs: readonly Tensor[],
  options?: GradOptions & { allowUnused?: false },
): Tensor[];
export function grad(ys: Tensor | readonly Tensor[], xs: readonly Tensor[], options: GradOptions): (Tensor | null)[];
export function grad(
  ys: Tensor | readonly Tensor[],
  xs: Tensor | readonly Tensor[],
  options: GradOptions = {},
): Tensor | (Tensor | null)[] {
  const seeds = options.gradOutputs instanceof Tensor ? [options.gradOutputs] : (options.gradOutputs ?? []);
  const roots = list(ys).map((y, i) => rootOf("grad", y, seeds[i]));
  const wanted = list(xs).map((x, i) => {
    if (x.edge === null)
      throw new GradientError(
        "grad",
        `input ${i} of shape ${show(x.shape)} does not require a gradient`,
        "set requiresGrad = true before it is used",
      );
    return x.edge;
  });
  const targets = new Set(wanted);
  const found = new Map<Edge, Tensor>();
  explore(roots, null, (pass) => {
    const unused = wanted.findIndex((edge) => !reaches(pass, edge));
    // An input may be out of reach because the graph before it is gone.
    if (unused >= 0) checkUsable("grad", pass.calls);
    aim(pass, (edge) => targets.has(edge));
    checkUsable("grad", pass.calls);
    if (unused >= 0 && options.allowUnused !== true)
      throw new GradientError(
        "grad",
        `the result does not depend on input ${unused} of shape ${show(wanted[unused]!.shape)}`,
        "pass allowUnused: true to get null for it",
      );
    walk(pass, options, (edge, g) => found.set(edge, g));
  });
  for (const g of found.values()) enroll(g);
  const results = wanted.map((edge) => found.get(edge) ?? null);
  return xs instanceof Tensor ? results[0]! : results;
}

const list = (x: Tensor | readonly Tensor[]): readonly Tensor[] => (x instanceof Tensor ? [x] : x);

function rootOf(op: string, y: Tensor, gradient: Tensor | undefined): Root {
  if (y.edge === null)
    throw new GradientError(
      op,
      `the tensor of shape ${show(y.shape)} does not require a gradient`,
      "compute it from tensors with requiresGrad, outside of noGrad()",
    );
  if (gradient === undefined) {
    if (y.numel() !== 1)
      throw new GradientError(
        op,
        `the result has shape ${show(y.shape)}, and only a scalar has a gradient of its own`,
        "reduce it with sum() or mean(), or pass the gradient of the result",
      );
    return { edge: y.edge, gradient: noGrad(() => unscoped(() => onesLike(y))) };
  }
  checkFits(op, "the gradient", gradient, y);
  return { edge: y.edge, gradient: alias(gradient) };
}
