import { keep } from "@descent/core";
import { decodeSafetensors } from "@descent/core/safetensors";
import { rejectNonObject } from "../../checks.ts";
import type { Weights } from "../base/learned-rule.ts";

/** The options of a learned optimizer that comes with trained weights. */
export type TrainedOptions<H extends object> = Partial<H> & {
  /** Weights of one's own training, for the rule with its default architecture. Default: those that come with the package. */
  readonly weights?: Weights;
};

declare const atob: (text: string) => string; // in Node and browsers alike, but in none of the libraries that the packages are compiled with

/** The weights to use, which `text` holds as a safetensors file in base64 where the options name none, and the other options. */
export function withWeights<H extends object>(
  op: string,
  options: TrainedOptions<H>,
  checks: object,
  text: string,
): { readonly weights: Weights; readonly hyper: Partial<H> } {
  rejectNonObject(op, options, checks);
  const { weights, ...hyper } = options;
  return { weights: weights ?? decoded(text), hyper: hyper as unknown as Partial<H> };
}

/** The optimizer's own, also where it is made inside of a scope. */
function decoded(text: string): Weights {
  const weights = decodeSafetensors(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
  for (const w of Object.values(weights)) keep(w);
  return weights;
}
