import { cpu } from "@descent/backend-cpu";
import { tensor } from "@descent/core";
import { describe, expect, test } from "vitest";
import { type Elements, expectClose } from "./expect-close.ts";

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const of = (...data: number[]): Elements => ({ shape: [data.length], data });

describe("expectClose", () => {
  test("takes NaN for NaN, an infinity for itself, and what is close", () => {
    expectClose(of(nan, inf, -inf, 0, 1.00001), of(nan, inf, -inf, -0, 1));
    expectClose(tensor([1, 2], { backend: cpu() }), of(1, 2));
  });

  test.each([
    ["another shape", of(1), { shape: [1, 1], data: [1] }, "it has shape [1], expected [1,1]"],
    ["another dtype", { ...of(1), dtype: "bool" }, { ...of(1), dtype: "int32" }, "it has dtype bool, expected int32"],
    ["elements that are missing", { ...of(1), shape: [2] }, of(1, 1), "it [2] has 1 elements, expected 2"],
    ["a NaN", of(1, nan), of(1, 2), "it [2] at [1]: NaN, expected 2"],
    ["a number for NaN", of(2), of(nan), "it [1] at [0]: 2, expected NaN"],
    ["the other infinity", of(inf), of(-inf), "it [1] at [0]: Infinity, expected -Infinity"],
    ["a number for an infinity", of(1e38), of(inf), "it [1] at [0]: 1e+38, expected Infinity"],
  ] as const)("finds %s", (_, actual, expected, message) => {
    expect(() => expectClose(actual, expected, {}, "it")).toThrow(message);
  });

  test("says where, by how much and how many", () => {
    const [actual, expected] = [
      [1, 2, 3, 4],
      [1, 2, 3.5, 5],
    ].map((data) => ({ shape: [2, 2], data }));
    expect(() => expectClose(actual!, expected!, { rtol: 0.125, atol: 0 }, "gradient of a")).toThrow(
      "gradient of a [2,2] at [1,0]: 3, expected 3.5, which are 0.5 apart where 0.4375 is allowed; 2 of 4 elements are off",
    );
  });

  test("with tolerance 0 wants the same bits", () => {
    expectClose(of(nan, -0, 1), of(nan, -0, 1), 0);
    expect(() => expectClose(of(-0), of(0), 0, "it")).toThrow("it [1] at [0]: -0, expected 0");
    expect(() => expectClose(of(1 + 2 ** -52), of(1), 0)).toThrow();
    expect(() => expectClose(of(-0), of(0), { signedZero: true }, "it")).toThrow("it [1] at [0]: -0, expected 0");
  });
});
