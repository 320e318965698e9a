/**
 * A member of a population, wherever it lives: in this process, in a thread or on another machine. `H` are its hyperparameters, `C` is what
 * it takes to go on as this member somewhere else.
 */
export interface Member<H, C> {
  /** Trains for one interval with these hyperparameters, and tells how good it is then. */
  train(hyperparameters: H, generation: number): number | Promise<number>;
  /** Weights, state of the optimizer, generators, and all else that training depends on, as a value that no training changes. */
  save(): C | Promise<C>;
  /** Goes on where a member was that saved this. */
  load(checkpoint: C): void | Promise<void>;
}
