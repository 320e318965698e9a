/** A program of the device, which computes one element of a flat result from flat arrays and scalars. */
export interface Shader {
  /** What tells it from all others. */
  readonly key: string;
  /** Its text, in the subset of JavaScript that gpu.js translates. */
  readonly source: () => string;
  readonly arrays: number;
  readonly scalars: number;
}

/** Where the elements of a shader lie and what it computes. */
interface ShaderText {
  readonly arrays: readonly string[];
  readonly scalars: readonly string[];
  /** Statements that read `i`, the number of the element, and end in `return`. */
  readonly body: () => string;
}

/**
 * A shader from its parts. All arithmetic is float: gpu.js mixes integers and floats in its own way, and below 2²⁴ floats are exact. Nothing
 * returns from a loop, which gpu.js would go on with.
 */
export const shader = (key: string, { arrays, scalars, body }: ShaderText): Shader => ({
  key,
  source: () => `function(${[...arrays, ...scalars].join(", ")}) {
const i = this.thread.x;
${body()}
}`,
  arrays: arrays.length,
  scalars: scalars.length,
});

/** How many turns a loop of a shader takes at most. Longer sums are computed in parts. */
export const LONGEST_LOOP = 1024;

/** A loop over `k` from `from` to below the value of `end`. Its bound is a literal, because others stop at 1,000 without a word. */
export const loop = (end: string, body: string, { k = "k", from = 0 } = {}): string =>
  `for (let ${k} = ${from}; ${k} < ${LONGEST_LOOP}; ${k}++) {
if (${k} >= ${end}) { break; }
${body}
}`;

/** Divides two non-negative whole numbers. Devices round quotients as they like, so the remainder corrects them. */
export const divide = (a: string, b: string, quotient: string, remainder: string): string =>
  `let ${quotient} = Math.floor(${a} / ${b});
let ${remainder} = ${a} - ${quotient} * ${b};
if (${remainder} < 0) { ${quotient} = ${quotient} - 1; ${remainder} = ${remainder} + ${b}; }
if (${remainder} >= ${b}) { ${quotient} = ${quotient} + 1; ${remainder} = ${remainder} - ${b}; }
`;
