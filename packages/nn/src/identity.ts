import type { Tensor } from "@descent/core";
import { Module } from "./base.ts";

/** Returns what it gets: a placeholder for a layer. */
export class Identity extends Module {
  /** @internal */
  static override readonly discreet: unknown = Identity;
  forward(x: Tensor): Tensor {
    return x;
  }
}
