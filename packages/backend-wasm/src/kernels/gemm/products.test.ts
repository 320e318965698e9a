import type { Block } from "@descent/core";
import { afterAll, expect, test } from "vitest";
import { detectEngine } from "../../engine.ts";
import { Runtime } from "../../runtime.ts";
import { type Method, Products } from "./products.ts";

// The smallest work is shared.
const runtime = new Runtime(detectEngine({ relaxedSimd: true, threads: true }), 2, {}, { worthwhile: 0, chunk: 0 });
const products = new Products(runtime);
afterAll(() => runtime.pool.resize(1));

function upload(elements: Float32Array): Block {
  const { pager, memory } = runtime;
  pager.begin("upload");
  const block = pager.allocate(elements.byteLength);
  memory.f32.set(elements, pager.address(block) / 4);
  return block;
}

function download(block: Block, size: number): Float32Array {
  const { pager, memory } = runtime;
  pager.begin("download");
  pager.use(block);
  return memory.f32.slice(pager.address(block) / 4, pager.address(block) / 4 + size);
}

/** The sums of these depend on their order. */
const rough = (size: number): Block => upload(Float32Array.from({ length: size }, (_, i) => Math.sin(i) / 3));

// The number of threads chooses among them.
test.each<[rows: number, columns: number, k: number, ...methods: Method[]]>([
  [1, 45, 70, "single", "row", "wide", "bands", "blocked"],
  [13, 500, 77, "single", "wide", "bands", "blocked"],
  [50, 530, 300, "bands", "blocked"],
  [150, 60, 520, "bands", "blocked"],
])("[%d, %d] elements of %d products have the same bits by %s as by others", (rows, columns, k, first, ...others) => {
  const [a, b, bias] = [rough(rows * k), rough(k * columns), rough(columns)];
  const product = { rows, columns, k, transposeA: false, transposeB: false, relu: true };
  const compute = (method: Method): Float32Array =>
    download(products.run("matmul", a, b, bias, product, method), rows * columns);
  const expected = compute(first);
  for (const method of others) expect([method, compute(method)]).toEqual([method, expected]);
});
