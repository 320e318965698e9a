import { Generator, threefry } from "@descent/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

const hex = (words: Uint32Array): string[] => [...words].map((word) => word.toString(16).padStart(8, "0"));

/** The cipher as the paper writes it (Salmon et al. 2011, section 3.3): 20 rounds, a key injection after every fourth. */
function paper(key: readonly [number, number], counter: number): string[] {
  const word = (x: bigint): bigint => BigInt.asUintN(32, x);
  const keys = [BigInt(key[0]), BigInt(key[1])];
  keys.push(word(0x1bd11bdan ^ keys[0]! ^ keys[1]!));
  const rotations = [13n, 15n, 26n, 6n, 17n, 29n, 16n, 24n];
  let a = word(BigInt(counter) + keys[0]!);
  let b = word((BigInt(counter) >> 32n) + keys[1]!);
  for (let round = 0; round < 20; round++) {
    const by = rotations[round % 8]!;
    a = word(a + b);
    b = word((b << by) | (b >> (32n - by))) ^ a;
    const injection = (round + 1) / 4;
    if (!Number.isInteger(injection)) continue;
    a = word(a + keys[injection % 3]!);
    b = word(b + keys[(injection + 1) % 3]! + BigInt(injection));
  }
  return [a, b].map((x) => x.toString(16).padStart(8, "0"));
}

describe("threefry", () => {
  test("gives the known answer of Random123 for zeros", () => {
    expect(hex(threefry(0, 0, 0, 2))).toEqual(["6b200159", "99ba4efe"]);
  });

  test("encrypts as the paper says", () => {
    const word = fc.nat(2 ** 31 - 1).map((x) => x * 2 + 1);
    fc.assert(
      fc.property(word, word, fc.nat(2 ** 31 - 1), fc.nat(2 ** 21 - 1), (key0, key1, low, high) => {
        const counter = high * 2 ** 32 + low;
        expect(hex(threefry(key0, key1, counter, 2))).toEqual(paper([key0, key1], counter));
      }),
    );
  });

  test("can begin anywhere in the stream, across the 32-bit boundary too", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(50), fc.nat(20), (key0, key1, skip, words) => {
        const start = 2 ** 32 - 25;
        const whole = threefry(key0, key1, start, 2 * skip + words);
        expect([...threefry(key0, key1, start + skip, words)]).toEqual([...whole.slice(2 * skip)]);
      }),
    );
  });
});

describe("Generator", () => {
  test("repeats its stream from a seed and from a state", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.array(fc.nat(30), { maxLength: 5 }), (seed, draws) => {
        const [a, b] = [new Generator(seed), new Generator(seed)];
        for (const words of draws) a.bits(words);
        b.setState(a.getState());
        expect([...b.bits(9)]).toEqual([...a.bits(9)]);
        expect([...new Generator(seed).bits(9)]).toEqual([...a.manualSeed(seed).bits(9)]);
      }),
    );
  });

  test("draws a stream word for word, in whatever pieces of even length", () => {
    const [a, b] = [new Generator(7), new Generator(7)];
    expect([...a.bits(4), ...a.bits(6)]).toEqual([...b.bits(10)]);
  });

  test("permutes without loss, and evenly", () => {
    const random = new Generator(3);
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const key = random.permutation(3).join("");
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(["012", "021", "102", "120", "201", "210"]);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });

  test("rejects a seed that is no integer", () => {
    expect(() => new Generator(0.5)).toThrow("manualSeed: the seed must be an integer of at most 53 bits, got 0.5");
    expect(() => new Generator().setState({ seed: 1, counter: -1 })).toThrow(
      "setState: the counter must be a non-negative integer, got -1",
    );
  });
});
