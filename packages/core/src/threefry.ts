import { ArgumentError } from "./errors.ts";

/** What a generator needs to go on where it was. Plain data, so that it goes into any checkpoint. */
export interface GeneratorState {
  readonly seed: number;
  readonly counter: number;
}

const TWO_32 = 2 ** 32;

/**
 * A counter-based stream of random numbers: Threefry-2×32 with 20 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as
 * 1, 2, 3"). Computed with integers alone, so that one seed gives the same numbers on every backend and machine.
 */
export class Generator {
  #seed = 0;
  #counter = 0;

  /** A generator at the beginning of the stream of `seed`, a safe integer (default 0). */
  constructor(seed = 0) {
    this.manualSeed(seed);
  }

  /** Starts the stream of `seed` from its beginning. */
  manualSeed(seed: number): this {
    if (!Number.isSafeInteger(seed))
      throw new ArgumentError("manualSeed", `the seed must be an integer of at most 53 bits, got ${seed}`);
    this.#seed = seed;
    this.#counter = 0;
    return this;
  }

  getState(): GeneratorState {
    return { seed: this.#seed, counter: this.#counter };
  }

  setState({ seed, counter }: GeneratorState): void {
    if (!Number.isSafeInteger(counter) || counter < 0)
      throw new ArgumentError("setState", `the counter must be a non-negative integer, got ${counter}`);
    this.manualSeed(seed);
    this.#counter = counter;
  }

  /** The two halves of the key under which `bits` draws. */
  get key(): readonly [number, number] {
    return [this.#seed >>> 0, Math.floor(this.#seed / TWO_32) >>> 0];
  }

  /** Takes the next `words` words of the stream without drawing them, and returns the counter where they begin. */
  reserve(words: number): number {
    const counter = this.#counter;
    this.#counter += (words + 1) >>> 1;
    return counter;
  }

  /** The next `words` random words of 32 bits. */
  bits(words: number): Uint32Array {
    const [key0, key1] = this.key;
    return threefry(key0, key1, this.reserve(words), words);
  }

  /** A double in [0, 1). */
  uniform(): number {
    return uniform53(this.bits(2), 0);
  }

  /** The numbers 0 … n−1 in random order (Fisher and Yates). */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    const bits = this.bits(2 * n);
    for (let i = n - 1; i > 0; i--) {
      const j = Math.floor(uniform53(bits, 2 * i) * (i + 1));
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}

/** A double in [0, 1) from the words `at` and `at + 1`. */
export const uniform53 = (bits: Uint32Array, at: number): number =>
  ((bits[at]! >>> 5) * 2 ** 26 + (bits[at + 1]! >>> 6)) / 2 ** 53;

/** A float32 in [0, 1) from one word. */
export const uniform24 = (word: number): number => (word >>> 8) / 2 ** 24;

const ROTATIONS = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const;

const rotate = (word: number, by: number): number => (word << by) | (word >>> (32 - by));

/** Words `2·counter` to `2·counter + words − 1` of the stream of a key: block `c` of two words encrypts the 64-bit number `c`. */
export function threefry(key0: number, key1: number, counter: number, words: number): Uint32Array {
  const out = new Uint32Array(words);
  const keys = [key0, key1, key0 ^ key1 ^ 0x1bd11bda];
  let low = counter >>> 0;
  let high = Math.floor(counter / TWO_32) >>> 0;
  for (let i = 0; i < words; i += 2) {
    let a = (low + key0) | 0;
    let b = (high + key1) | 0;
    for (let group = 0; group < 5; group++) {
      const [r0, r1, r2, r3] = ROTATIONS[group & 1]!;
      a = (a + b) | 0;
      b = rotate(b, r0) ^ a;
      a = (a + b) | 0;
      b = rotate(b, r1) ^ a;
      a = (a + b) | 0;
      b = rotate(b, r2) ^ a;
      a = (a + b) | 0;
      b = rotate(b, r3) ^ a;
      a = (a + keys[(group + 1) % 3]!) | 0;
      b = (b + keys[(group + 2) % 3]! + group + 1) | 0;
    }
    out[i] = a;
    if (i + 1 < words) out[i + 1] = b;
    low = (low + 1) >>> 0;
    if (low === 0) high = (high + 1) >>> 0;
  }
  return out;
}
