/**
 * Optimizers that were trained by optimization, and what trains them.
 *
 * @module descent/learned
 */
export * from "@descent/optim/learned";
