import type { Backend, TypedArray } from "@descent/core";

/** The signature of a kernel family over handles that are typed arrays. */
export type Kernel<Family extends keyof Backend> = Backend<TypedArray>[Family];
