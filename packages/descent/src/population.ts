/**
 * Population-based training: hyperparameter schedules found by a population.
 *
 * @module descent/population
 */
export * from "@descent/optim/population";
