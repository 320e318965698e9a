/**
 * Population-based training (Jaderberg et al. 2017): members train side by side, copy the best, and change what they copied.
 *
 * @module @descent/optim/population
 */
export {};
