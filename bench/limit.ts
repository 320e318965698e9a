// What 128-bit SIMD can do at most on one core: chains of multiplications and additions that never leave the registers.
import { setFlagsFromString } from "node:v8";

/** The part of WebAssembly's API that is used here; the types of Node have none of it, those of browsers too much besides. */
interface Wasm {
  validate(bytes: Uint8Array): boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Readonly<Record<string, unknown>> };
}
const wasm = (globalThis as unknown as { readonly WebAssembly: Wasm }).WebAssembly;

/** How to write `acc = acc · x + y` (two instructions) and `acc = x · y + acc` (one, of relaxed SIMD). */
type Style = "mul-add" | "relaxed";

const V128 = 0x7b;
const I32 = 0x7f;
const F32 = 0x7d;
const SIMD = 0xfd;
const LANES = 4;
const ROUNDS = 1_000_000;

// The few bytes of WebAssembly that are needed, by hand: unsigned LEB128 numbers, sections, instructions.
const uleb = (n: number): number[] => (n < 0x80 ? [n] : [(n & 0x7f) | 0x80, ...uleb(n >>> 7)]);
const section = (id: number, ...body: number[]): number[] => [id, ...uleb(body.length), ...body];
const simd = (op: number): number[] => [SIMD, ...uleb(op)];
const f32 = (x: number): number[] => [0x43, ...new Uint8Array(Float32Array.of(x).buffer)];
const get = (local: number): number[] => [0x20, ...uleb(local)];
const set = (local: number): number[] => [0x21, ...uleb(local)];
const SPLAT = simd(19);
const ADD = simd(228);
const MUL = simd(230);
const RELAXED_MADD = simd(0x105);

/** `run(count: i32) → f32`: so many rounds of one multiply-add in each of `chains` accumulators. */
function moduleOf(chains: number, style: Style): Uint8Array {
  const [count, x, y] = [0, 1, 2];
  const accumulators = Array.from({ length: chains }, (_, i) => 3 + i);
  const step = (acc: number): number[] =>
    style === "relaxed"
      ? [...get(x), ...get(y), ...get(acc), ...RELAXED_MADD, ...set(acc)]
      : [...get(acc), ...get(x), ...MUL, ...get(y), ...ADD, ...set(acc)];
  const code = [
    ...uleb(1), // one group of locals
    ...uleb(2 + chains),
    V128,
    ...[...f32(0.5), ...SPLAT, ...set(x), ...f32(0.25), ...SPLAT, ...set(y)],
    // Different beginnings, or the compiler may take the chains for one.
    ...accumulators.flatMap((acc) => [...f32(acc), ...SPLAT, ...set(acc)]),
    ...[0x03, 0x40], // loop
    ...accumulators.flatMap(step),
    ...[...get(count), 0x41, 1, 0x6b, 0x22, count, 0x0d, 0], // br_if (count -= 1)
    0x0b,
    ...get(accumulators[0]!),
    ...accumulators.slice(1).flatMap((acc) => [...get(acc), ...ADD]),
    ...[...simd(31), 0], // f32x4.extract_lane 0
    0x0b,
  ];
  return Uint8Array.of(
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 1, 0x60, 1, I32, 1, F32),
    ...section(3, 1, 0),
    ...section(7, 1, 3, 0x72, 0x75, 0x6e, 0, 0), // export "run"
    ...section(10, 1, ...uleb(code.length), ...code),
  );
}

/** Whether relaxed SIMD works here. Node 20 has it behind a flag that can still be set before the first module is compiled. */
function hasRelaxed(): boolean {
  const valid = (): boolean => wasm.validate(moduleOf(8, "relaxed"));
  if (!valid() && Number.parseInt(process.versions.node, 10) < 22)
    setFlagsFromString("--experimental-wasm-relaxed-simd");
  return valid();
}

/** The most GFLOP/s of one core that any number of chains reaches. Takes a quarter of a second. */
export function simdLimit(): number {
  const styles: readonly Style[] = hasRelaxed() ? ["mul-add", "relaxed"] : ["mul-add"];
  // Chains must hide the latency and fit into the registers; how many that takes differs between processors.
  const candidates = styles.flatMap((style) => [8, 10, 12].map((chains) => ({ chains, run: compile(chains, style) })));
  let best = 0;
  for (let sample = 0; sample < 20; sample++)
    for (const { chains, run } of candidates) {
      const start = performance.now();
      run(ROUNDS);
      best = Math.max(best, (2 * LANES * chains * ROUNDS) / ((performance.now() - start) * 1e6));
    }
  return best;
}

function compile(chains: number, style: Style): (rounds: number) => number {
  const { exports } = new wasm.Instance(new wasm.Module(moduleOf(chains, style)));
  return exports.run as (rounds: number) => number;
}
