import { noGrad, Parameter, type Tensor } from "@descent/core";
import "@descent/core/methods";
import type { AnyOptimizer } from "../../base/any-optimizer.ts";
import { callable, checked, count } from "../../checks.ts";
import type { Task } from "./task.ts";

/** How the optimization of a task went. */
export interface TaskRun {
  /** The loss before each step, at its mini-batch. */
  readonly losses: readonly number[];
  /** The loss after the last step: on all data, where the task can tell. */
  readonly finalLoss: number;
  readonly parameters: readonly Parameter[];
}

/** Optimizes a task with an optimizer of its parameters, any one of them, for so many steps. */
export async function runTask(
  task: Task,
  optimizer: (parameters: readonly Parameter[]) => AnyOptimizer,
  steps: number,
): Promise<TaskRun> {
  checked("runTask", { optimizer, steps }, { optimizer: callable, steps: count });
  const parameters = task.initial.map((x) => new Parameter(x));
  const mover = optimizer(parameters);
  const losses: number[] = [];
  for (let t = 0; t < steps; t++) {
    const loss = await mover.stepAsync((): Tensor => {
      mover.zeroGrad();
      const now = task.loss(parameters, t);
      now.backward();
      return now;
    });
    losses.push(Number((await loss!.data())[0]));
  }
  const last = noGrad(() => (task.fullLoss === undefined ? task.loss(parameters, steps) : task.fullLoss(parameters)));
  return { losses, finalLoss: Number((await last.data())[0]), parameters };
}
