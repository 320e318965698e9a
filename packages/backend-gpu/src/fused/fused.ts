import type { Backend, Spec } from "@descent/core";
import type { GpuArray } from "../device.ts";

/** Fused kernels, by the name of the op that they compute. */
export type FusedKernels = NonNullable<Backend<GpuArray>["fused"]>;

/** A fused kernel: operands, attributes, and what the results will be. */
export type FusedKernel<Inputs extends readonly unknown[], Attrs = unknown> = (
  inputs: Inputs,
  attrs: Attrs,
  out: readonly Spec[],
) => readonly GpuArray[] | null;
