import type { Tensor } from "@descent/core";

/** The gradient of a leaf, for a look: reading `grad` itself means that user code may hold it, and the library frees it no more. */
export function gradientOf(leaf: Tensor): Tensor | null {
  const node = leaf.edge?.node;
  return node?.op === null ? node.grad : null;
}

/** Puts a gradient made by the library in the place of one that is there. */
export function replaceGradient(leaf: Tensor, value: Tensor): void {
  leaf.grad = value;
  const node = leaf.edge?.node;
  if (node?.op === null) node.seen = false;
}
