/**
 * The reference backend, plain loops.
 *
 * @module @descent/backend-cpu
 */
export { cpu } from "./cpu.ts";
export { type Families, lend, lentFamilies, type VisibleMemory } from "./lent.ts";
