/** What runs before or after every step. */
export type StepHook<O> = (optimizer: O) => void;

/** The hooks of an optimizer. */
export class StepHooks<O> {
  readonly #before = new Set<StepHook<O>>();
  readonly #after = new Set<StepHook<O>>();

  before(optimizer: O): void {
    for (const hook of this.#before) hook(optimizer);
  }

  after(optimizer: O): void {
    for (const hook of this.#after) hook(optimizer);
  }

  /** Adds a hook that runs before a step; what is returned removes it. */
  addBefore(hook: StepHook<O>): () => void {
    return register(this.#before, hook);
  }

  /** Adds a hook that runs after a step; what is returned removes it. */
  addAfter(hook: StepHook<O>): () => void {
    return register(this.#after, hook);
  }
}

function register<O>(hooks: Set<StepHook<O>>, hook: StepHook<O>): () => void {
  // A wrapper of its own, so that the same function can be registered, and removed, twice.
  const own: StepHook<O> = (optimizer) => hook(optimizer);
  hooks.add(own);
  return () => {
    hooks.delete(own);
  };
}
