import type { Generator } from "@descent/core";

/** A seed for another generator. */
export const seedFrom = (generator: Generator): number => Math.floor(generator.uniform() * 2 ** 53);
