import { noGrad, Parameter, scope, type Tensor } from "@descent/core";
import "@descent/core/methods";
import type { AnyOptimizer } from "../../base/any-optimizer.ts";
import { callable, checked, count, oneOf } from "../../checks.ts";
import { settled } from "../../tools/arguments.ts";
import type { Task } from "./task.ts";

/** Options of `runTask`. */
export interface RunTaskOptions {
  /** Whether the closure calls `backward()` (default), or returns the loss only, as SLS and SlsAcc want it. */
  readonly closure?: "backward" | "loss";
}

/** How the optimization of a task went. */
export interface TaskRun {
  /** The loss before each step, at its mini-batch. */
  readonly losses: readonly number[];
  /** The loss after the last step: on all data, where the task can tell. */
  readonly finalLoss: number;
  /** The weights to use, where the optimizer tells them from those to train with. */
  readonly parameters: readonly Parameter[];
}

/** Optimizes a task with an optimizer of its parameters, any one of them, for so many steps. */
export async function runTask(
  task: Task,
  optimizer: (parameters: readonly Parameter[]) => AnyOptimizer,
  steps: number,
  options: RunTaskOptions = {},
): Promise<TaskRun> {
  checked("runTask", { optimizer, steps }, { optimizer: callable, steps: count });
  const defaults = { closure: "backward" } as const;
  const { closure } = settled<Required<RunTaskOptions>>("runTask", options, defaults, {
    closure: oneOf("backward", "loss"),
  });
  const parameters = task.initial.map((x) => new Parameter(x));
  const mover = optimizer(parameters);
  const losses: number[] = [];
  for (let t = 0; t < steps; t++) {
    const lossNow = (): Tensor => task.loss(parameters, t);
    const withGradients = (): Tensor =>
      scope(() => {
        mover.zeroGrad();
        const loss = lossNow();
        loss.backward();
        return loss;
      });
    using loss = (await mover.stepAsync(closure === "loss" ? lossNow : withGradients))!;
    losses.push(Number((await loss.data())[0]));
  }
  mover.zeroGrad();
  mover.eval();
  using last = noGrad(() => scope(() => task.fullLoss?.(parameters) ?? task.loss(parameters, steps)));
  return { losses, finalLoss: Number((await last.data())[0]), parameters };
}
