import type { Tensor } from "@descent/core";
import { Module } from "./base.ts";

/** A layer without state: a function with its options, and how PyTorch prints them. */
export abstract class FunctionLayer extends Module {
  readonly #fn: (x: Tensor) => Tensor;
  readonly #text: string;

  protected constructor(fn: (x: Tensor) => Tensor, text: string) {
    super();
    this.#fn = fn;
    this.#text = text;
  }

  forward(x: Tensor): Tensor {
    return this.#fn(x);
  }

  protected override extraRepr(): string {
    return this.#text;
  }
}
