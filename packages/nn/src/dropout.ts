import { defaultGenerator, dropout as dropoutOp, type Generator, type Tensor } from "@descent/core";
import { Module } from "./base.ts";
import { checkFraction, withDefaults } from "./options.ts";
import { keywords } from "./repr.ts";

/** Options of `Dropout`. */
export interface DropoutOptions {
  /** The probability with which an element is zeroed. Default 0.5. */
  readonly p?: number;
  /** Where the random numbers come from. Default: the default generator. */
  readonly generator?: Generator;
}

/** Options of `dropout`. */
export interface FunctionalDropoutOptions extends DropoutOptions {
  /** Whether anything happens at all. Default true. */
  readonly training?: boolean;
}

/** Zeroes elements with probability `p` and scales the others by `1 / (1 − p)`, unless `training` is false (Srivastava et al. 2014). */
export function dropout(
  x: Tensor,
  { p = 0.5, training = true, generator = defaultGenerator }: FunctionalDropoutOptions = {},
): Tensor {
  checkFraction("dropout", "p", p);
  return training ? dropoutOp(x, p, generator) : x;
}

/**
 * In training, zeroes elements with probability `p` and scales the others by `1 / (1 − p)` (Srivastava et al. 2014).
 * `new Dropout(0.2)` is short for `new Dropout({ p: 0.2 })`.
 */
export class Dropout extends Module {
  /** @internal */
  static override readonly discreet: unknown = Dropout;
  readonly #options: Required<DropoutOptions>;

  constructor(options?: DropoutOptions);
  constructor(p: number, options?: Omit<DropoutOptions, "p">);
  constructor(first: number | DropoutOptions = {}, rest: DropoutOptions = {}) {
    super();
    const options = typeof first === "number" ? { ...rest, p: first } : first;
    this.#options = withDefaults("Dropout", options, { p: 0.5, generator: defaultGenerator });
    checkFraction("Dropout", "p", this.#options.p);
  }

  forward(x: Tensor): Tensor {
    return dropout(x, { ...this.#options, training: this.training });
  }

  protected override extraRepr(): string {
    return keywords({ p: this.#options.p, inplace: false });
  }
}
