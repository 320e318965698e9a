/**
 * Functions that optimizers are tried on, with their minima.
 *
 * @module descent/test-functions
 */
export * from "@descent/optim/test-functions";
