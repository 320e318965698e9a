/**
 * Optimizers whose rule is a small network that was trained by optimization, and what trains them.
 *
 * @module @descent/optim/learned
 */
export {};
