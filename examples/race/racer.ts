import { type optim, scope, type Tensor } from "descent";

/** What a race asks of an optimizer. */
export interface Racer extends Pick<optim.SGD, "zeroGrad" | "train" | "eval"> {
  step(closure: () => Tensor): Tensor;
}

/** What the closure of an optimizer does: compute gradients, or the loss only, and the optimizer sees to the rest. */
export type ClosureKind = "backward" | "loss";

/** Makes one step, and gives the loss before it. `evaluated` hears of every evaluation of the loss. */
export function move(racer: Racer, kind: ClosureKind, loss: () => Tensor, evaluated: () => void): number {
  return scope(() =>
    racer
      .step(() => {
        evaluated();
        if (kind === "loss") return loss();
        racer.zeroGrad();
        const value = loss();
        value.backward();
        return value;
      })
      .item(),
  );
}
