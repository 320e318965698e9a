import { GradientError, Tensor } from "@descent/core";
import { type Gradients, watch } from "./backward-hooks.ts";
import type { Module } from "./base.ts";

export type { Gradients };
/** What hooks make of gradients: `undefined` keeps them. */
export type Answer = Gradients | Tensor | null | undefined;

type ForwardHook = (module: Module, inputs: readonly unknown[], output?: unknown) => unknown;
type BackwardHook = (module: Module, ...gradients: Gradients[]) => Answer;

/** The hooks of a module, by the moment when they run. */
export class Hooks {
  readonly before = new Set<ForwardHook>();
  readonly after = new Set<ForwardHook>();
  readonly beforeBackward = new Set<BackwardHook>();
  readonly afterBackward = new Set<BackwardHook>();

  get size(): number {
    return this.before.size + this.after.size + this.beforeBackward.size + this.afterBackward.size;
  }

  /** Calls `forward`, and the hooks around it. */
  run(module: Module, inputs: readonly unknown[]): unknown {
    let args = inputs;
    for (const hook of this.before) args = (hook(module, args) ?? args) as readonly unknown[];
    let output = this.#forward(module, args);
    for (const hook of this.after) output = hook(module, args, output) ?? output;
    return output;
  }

  /**
   * `forward`, watched by the backward hooks: those of the outputs see their gradients, and those of the inputs theirs with them, once both
   * are known; where no input has one, at once.
   */
  #forward(module: Module, inputs: readonly unknown[]): unknown {
    const { beforeBackward, afterBackward } = this;
    const forward = (inputs: readonly unknown[]): unknown => module.forward(...(inputs as never[]));
    if (beforeBackward.size + afterBackward.size === 0) return forward(inputs);
    let outputGradients: Gradients = [];
    const onInput = (gradients: Gradients): Gradients =>
      answers("registerFullBackwardHook", afterBackward, gradients, (hook, g) => hook(module, g, outputGradients));
    const watched = watch(inputs, onInput);
    const output = forward(watched);
    if (!(output instanceof Tensor || Array.isArray(output)))
      throw new GradientError(
        "registerFullBackwardHook",
        "forward() returned neither a tensor nor an array",
        "register the hook on a module that does",
      );
    const outputs = watch([output].flat(), (gradients) => {
      outputGradients = answers("registerFullBackwardPreHook", beforeBackward, gradients, (hook, g) => hook(module, g));
      if (watched === inputs) onInput(inputs.map(() => null));
      return outputGradients;
    });
    return output instanceof Tensor ? outputs[0] : outputs;
  }
}

/** What hooks one after the other make of gradients. */
function answers(
  op: string,
  hooks: ReadonlySet<BackwardHook>,
  gradients: Gradients,
  ask: (hook: BackwardHook, gradients: Gradients) => Answer,
): Gradients {
  let all = gradients;
  for (const hook of hooks) {
    const answer = ask(hook, all);
    if (answer == null) continue;
    const replaced = answer instanceof Tensor ? [answer] : answer;
    if (replaced.length !== all.length)
      throw new GradientError(
        op,
        `the hook returned ${replaced.length} gradients in place of ${all.length}`,
        "return one for each, or nothing",
      );
    all = replaced;
  }
  return all;
}

/** Adds a hook; what is returned removes it. */
export function register(hooks: Set<ForwardHook> | Set<BackwardHook>, hook: (...args: never[]) => unknown): () => void {
  // A wrapper of its own, so that the same function can be registered, and removed, twice.
  const own = (...args: unknown[]): never => hook(...(args as never[])) as never;
  hooks.add(own);
  return () => {
    hooks.delete(own);
  };
}
