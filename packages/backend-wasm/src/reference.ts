import { type Families as FamiliesOver, lentFamilies } from "@descent/backend-cpu";
import { type Backend, type Block, bytesPerElement, type Spec, sizeOf, type TypedArray } from "@descent/core";
import type { Runtime } from "./runtime.ts";

export const bytesOf = ({ shape, dtype }: Spec): number => sizeOf(shape) * bytesPerElement(dtype);

/** The families of the contract, that is a backend without storage. */
export type Families = FamiliesOver<Block>;

/** Kernels of composites. */
export type FusedKernels = NonNullable<Backend<Block>["fused"]>;

/** The elements of a tensor as a view of the memory, for as long as nothing is allocated. */
export function viewOf({ memory }: Runtime, { shape, dtype }: Spec, address: number): TypedArray {
  const first = address / bytesPerElement(dtype);
  return memory.view(dtype).subarray(first, first + sizeOf(shape));
}

/**
 * The kernel families as the reference backend computes them, on views of the WebAssembly memory: what there is no kernel for here, above
 * all float64, which is for checking, and what is too rare to be worth one.
 */
export const referenceFamilies = (runtime: Runtime): Families =>
  lentFamilies({ pager: runtime.pager, view: (spec, address) => viewOf(runtime, spec, address) });
