import { expect, test } from "vitest";
import { detectEngine } from "../../engine.ts";
import { Runtime } from "../../runtime.ts";
import { lanewise } from "./binary-functions.ts";
import { rowsKernel } from "./binary-kernels.ts";

const runtime = new Runtime(detectEngine({ relaxedSimd: true, threads: false }), 1, {});

// Whoever writes more than that spoils what another thread has written.
test.each(["add", "lt"] as const)("%s by rows writes the rows of its range and nothing else", (fn) => {
  const kernel = rowsKernel(runtime, lanewise(fn, "float32")!, true);
  const elementBytes = fn === "lt" ? 1 : 4;
  const [rows, length] = [5, 23];
  runtime.run(fn, [], [512, 512, 512], 0, (_, [a, b, y]) => {
    runtime.memory.f32.fill(1, a! / 4, a! / 4 + 128);
    runtime.memory.f32.fill(2, b! / 4, b! / 4 + 128);
    const result = runtime.memory.u8.subarray(y!, y! + 512).fill(0xee);
    const rowBytes = 4 * length;
    kernel.run(1, 3, 0, a!, b!, y!, length, rows, 1, rowBytes, 0, 0, rowBytes, 0, 0);
    const isWritten = [...result].map((byte) => byte !== 0xee);
    const [first, end] = [elementBytes * length, 3 * elementBytes * length];
    expect(isWritten).toEqual(isWritten.map((_, i) => i >= first && i < end));
  });
});
