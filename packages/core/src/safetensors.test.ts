import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cpu } from "@descent/backend-cpu";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DataError, DTYPES, Parameter, reshape, setBackend, type Tensor, tensor, withBackend, zeros } from "./index.ts";
import {
  decodeSafetensors,
  decodeSafetensorsMetadata,
  encodeSafetensors,
  loadSafetensors,
  saveSafetensors,
} from "./safetensors.ts";

setBackend(cpu());

/** Written by Python's safetensors 0.8.0 from tensors of PyTorch 2.15, with metadata { format: "pt" }. */
const FROM_PYTHON = `
GAMAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJpNjQiOnsiZHR5cGUiOiJJNjQiLCJzaGFwZSI6WzRdLCJkYXRhX29mZnNldHMiOl
swLDMyXX0sImY2NCI6eyJkdHlwZSI6IkY2NCIsInNoYXBlIjpbMV0sImRhdGFfb2Zmc2V0cyI6WzMyLDQwXX0sImVtcHR5Ijp7ImR0eXBlIjoiRjMyIiwi
c2hhcGUiOlswLDNdLCJkYXRhX29mZnNldHMiOls0MCw0MF19LCJmMzIiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzIsMl0sImRhdGFfb2Zmc2V0cyI6Wz
QwLDU2XX0sInNjYWxhciI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbXSwiZGF0YV9vZmZzZXRzIjpbNTYsNjBdfSwiw6QgXCJxdW90ZWRcIiI6eyJkdHlw
ZSI6IkYzMiIsInNoYXBlIjpbMV0sImRhdGFfb2Zmc2V0cyI6WzYwLDY0XX0sImkzMiI6eyJkdHlwZSI6IkkzMiIsInNoYXBlIjpbMl0sImRhdGFfb2Zmc2
V0cyI6WzY0LDcyXX0sImJmMTYiOnsiZHR5cGUiOiJCRjE2Iiwic2hhcGUiOlszXSwiZGF0YV9vZmZzZXRzIjpbNzIsNzhdfSwiZjE2Ijp7ImR0eXBlIjoi
RjE2Iiwic2hhcGUiOls2XSwiZGF0YV9vZmZzZXRzIjpbNzgsOTBdfSwiaTE2Ijp7ImR0eXBlIjoiSTE2Iiwic2hhcGUiOlsxXSwiZGF0YV9vZmZzZXRzIj
pbOTAsOTJdfSwiaTgiOnsiZHR5cGUiOiJJOCIsInNoYXBlIjpbMl0sImRhdGFfb2Zmc2V0cyI6WzkyLDk0XX0sInU4Ijp7ImR0eXBlIjoiVTgiLCJzaGFw
ZSI6WzFdLCJkYXRhX29mZnNldHMiOls5NCw5NV19LCJib29sIjp7ImR0eXBlIjoiQk9PTCIsInNoYXBlIjpbMywxXSwiZGF0YV9vZmZzZXRzIjpbOTUsOT
hdfX0AAAAAAAAAAP//////////////fwAAAAAAAACA/////1VVVVVVVdU/AADAPwAAEMAAAIB/zczMPQAAoEAAAIA/BwAAAPn///+AP0nASnEAPAC4/3sB
AAB+APzU/v0DyAEAAQ==
`;

const inside = (tensors: Record<string, Tensor>): unknown =>
  Object.fromEntries(Object.entries(tensors).map(([name, x]) => [name, [x.dtype, x.shape, [...x.dataSync()]]]));

test("reads what Python wrote", () => {
  const bytes = Buffer.from(FROM_PYTHON, "base64");
  expect(decodeSafetensorsMetadata(bytes)).toEqual({ format: "pt" });
  expect(inside(decodeSafetensors(bytes))).toEqual({
    f32: ["float32", [2, 2], [1.5, -2.25, Number.POSITIVE_INFINITY, Math.fround(0.1)]],
    f64: ["float64", [1], [1 / 3]],
    f16: ["float32", [6], [1, -0.5, 65504, Math.fround(2 ** -24), Number.NaN, Number.NEGATIVE_INFINITY]],
    bf16: ["float32", [3], [1, -3.140625, Math.fround(1.0002555517425873e30)]],
    i64: ["int32", [4], [0, -1, 2147483647, -2147483648]],
    i32: ["int32", [2], [7, -7]],
    i16: ["int32", [1], [-300]],
    i8: ["int32", [2], [-3, 3]],
    u8: ["int32", [1], [200]],
    bool: ["bool", [3, 1], [1, 0, 1]],
    scalar: ["float32", [], [5]],
    empty: ["float32", [0, 3], []],
    'ä "quoted"': ["float32", [1], [1]],
  });
});

test("writes what Python reads: the layout of the format, byte by byte", () => {
  const bytes = encodeSafetensors({ b: tensor([true]), x: tensor([[1, 2]]) }, { format: "pt" });
  const header =
    '{"__metadata__":{"format":"pt"},"b":{"dtype":"BOOL","shape":[1],"data_offsets":[8,9]},"x":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}';
  const padded = header.padEnd(Math.ceil(header.length / 8) * 8);
  expect([...bytes.subarray(0, 8)]).toEqual([padded.length, 0, 0, 0, 0, 0, 0, 0]);
  expect(Buffer.from(bytes.subarray(8, 8 + padded.length)).toString()).toBe(padded);
  expect([...bytes.subarray(8 + padded.length)]).toEqual([0, 0, 128, 63, 0, 0, 0, 64, 1]);
  expect(inside(decodeSafetensors(bytes))).toEqual({ b: ["bool", [1], [1]], x: ["float32", [1, 2], [1, 2]] });
});

test("half precision, all 65,536 numbers", () => {
  const bits = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i);
  const got = decodeSafetensors(
    file({ x: { dtype: "F16", shape: [2 ** 16], data_offsets: [0, 2 ** 17] } }, bits),
  ).x!.dataSync();
  for (let i = 0; i < 2 ** 15; i++) {
    const [exponent, fraction] = [i >> 10, i & 1023];
    const size =
      exponent === 31
        ? fraction === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN
        : exponent === 0
          ? fraction / 2 ** 24
          : (1 + fraction / 1024) * 2 ** (exponent - 15);
    if (!Object.is(got[i], size) || !Object.is(got[i + 2 ** 15], Number.isNaN(size) ? size : -size))
      expect([i, got[i], got[i + 2 ** 15]]).toEqual([i, size, -size]);
  }
});

const anyTensor = fc
  .record({ dtype: fc.constantFrom(...DTYPES), shape: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }) })
  .chain(({ dtype, shape }) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const value = {
      bool: fc.integer({ min: 0, max: 1 }),
      int32: fc.integer(),
      float32: fc.float(),
      float64: fc.double(),
    }[dtype];
    return fc
      .array(value, { minLength: size, maxLength: size })
      .map((values) => reshape(tensor(values.map(Number), { dtype }), shape));
  });
const anyDict = fc.dictionary(
  fc.string({ unit: "grapheme" }).filter((name) => name !== "__metadata__"),
  anyTensor,
  { maxKeys: 5 },
);
const anyMetadata = fc.option(fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }), { nil: undefined });

test("what is written is what is read", () => {
  fc.assert(
    fc.property(anyDict, anyMetadata, fc.integer({ min: 0, max: 7 }), (dict, metadata, offset) => {
      const bytes = encodeSafetensors(dict, metadata);
      expect(bytes.length % 1).toBe(0);
      // Neither the place in memory nor the type of the view matters.
      const moved = Buffer.alloc(bytes.length + offset)
        .fill(bytes, offset)
        .subarray(offset);
      const read = decodeSafetensors(moved);
      expect(Object.keys(read)).toEqual(Object.keys(dict));
      expect(inside(read)).toEqual(inside(dict));
      expect(decodeSafetensorsMetadata(moved)).toEqual(metadata ?? {});
    }),
  );
});

test("names of Object's prototype are names like others", () => {
  const dict = Object.fromEntries([
    ["__proto__", tensor([1])],
    ["constructor", tensor([2])],
  ]);
  expect(inside(decodeSafetensors(encodeSafetensors(dict)))).toEqual(inside(dict));
  const metadata = Object.fromEntries([["__proto__", "text"]]);
  expect(Object.entries(decodeSafetensorsMetadata(encodeSafetensors({}, metadata)))).toEqual([["__proto__", "text"]]);
});

test("rejects names and metadata that no file can hold", () => {
  expect(() => encodeSafetensors({ __metadata__: zeros([1]) })).toThrow(
    'encodeSafetensors: the name "__metadata__" is reserved; rename the tensor',
  );
  expect(() => encodeSafetensors({}, { epoch: 3 as never })).toThrow(
    'encodeSafetensors: the metadata "epoch" must be text, got 3',
  );
});

/** The bytes with another length of the header in front. */
function withLength(bytes: Uint8Array, length: number): Uint8Array {
  new DataView(bytes.buffer).setUint32(0, length, true);
  return bytes;
}

/** A file with any header over any data. */
function file(header: unknown, data: ArrayBufferView | number = 0, length?: number): Uint8Array {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(length ?? json.length));
  const tail = typeof data === "number" ? Buffer.alloc(data) : Buffer.from(data.buffer);
  return Buffer.concat([prefix, json, tail]);
}
const entry = (more: Record<string, unknown> = {}) => ({ dtype: "F32", shape: [2], data_offsets: [0, 8], ...more });

describe("malformed files", () => {
  const one = (more: Record<string, unknown>) => file({ x: entry(more) }, 8);
  test.each<[string, Uint8Array, string]>([
    ["nothing", new Uint8Array(0), "0 bytes do not even hold the length of the header"],
    ["a bit", new Uint8Array(7), "7 bytes do not even hold the length of the header"],
    ["a truncated header", file({ x: entry() }).subarray(0, 20), "the header claims 54 bytes, and 12 follow"],
    ["an absurd length", file("{}", 0, 2 ** 52), "the header claims 4503599627370496 bytes, and 2 follow"],
    [
      "a header too long for the format",
      withLength(new Uint8Array(100_000_100), 100_000_001),
      "the header claims 100000001 bytes, and 100000000 are allowed",
    ],
    ["no header", file(""), 'the header does not begin with "{"'],
    ["a header that is no object", file("[]"), 'the header does not begin with "{"'],
    ["a header of spaces", file(" {}"), 'the header does not begin with "{"'],
    ["bad JSON", file('{"x"'), "the header is no JSON ("],
    [
      "bad UTF-8",
      Buffer.from([7, 0, 0, 0, 0, 0, 0, 0, ...[0x7b, 0x22, 0xff, 0x22, 0x3a, 0x33, 0x7d]]),
      "the header is no JSON (",
    ],
    ["a key twice", file('{"x":1,"x":2}'), 'the header has the key "x" twice'],
    ["a key twice, spelled differently", file('{"x":{"\\u0061":1 , "a" :2}}'), 'the header has the key "a" twice'],
    ["no object", file({ x: 3 }), '"x" is not described by an object'],
    ["null", file({ x: null }), '"x" is not described by an object'],
    ["an unknown dtype", one({ dtype: "F8_E4M3" }), '"x" has dtype "F8_E4M3", known are F64, F32, F16, BF16, I64, '],
    ["no dtype", one({ dtype: undefined }), '"x" has dtype undefined, known are'],
    ["a dtype of Object's prototype", one({ dtype: "constructor" }), '"x" has dtype "constructor", known are'],
    ["no shape", one({ shape: undefined }), '"x" has no valid shape'],
    ["a negative size", one({ shape: [-2] }), '"x" has no valid shape'],
    ["a fractional size", one({ shape: [0.5] }), '"x" has no valid shape'],
    ["no offsets", one({ data_offsets: [0] }), '"x" has no valid data_offsets'],
    ["text for offsets", one({ data_offsets: ["0", "8"] }), '"x" has no valid data_offsets'],
    ["an end before the start", one({ data_offsets: [8, 0] }), '"x" has -8 bytes, but F32 [2] needs 8'],
    ["too few bytes", one({ shape: [3] }), '"x" has 8 bytes, but F32 [3] needs 12'],
    ["bytes that no element needs", one({ shape: [1] }), '"x" has 8 bytes, but F32 [1] needs 4'],
    [
      "a huge shape",
      one({ shape: [2 ** 40, 2 ** 40] }),
      '"x" has 8 bytes, but F32 [1099511627776,1099511627776] needs',
    ],
    ["data beyond the end", file({ x: entry() }, 4), "the tensors end at byte 8 of the data, which has 4"],
    ["bytes too many", file({ x: entry() }, 9), "the tensors end at byte 8 of the data, which has 9"],
    [
      "a hole at the start",
      file({ x: entry({ data_offsets: [4, 12] }) }, 12),
      '"x" begins at byte 4 of the data, after a hole from 0',
    ],
    [
      "an overlap",
      file({ x: entry(), y: entry({ data_offsets: [4, 12] }) }, 12),
      '"y" begins at byte 4 of the data, inside of another tensor',
    ],
    [
      "two tensors in one place",
      file({ x: entry(), y: entry() }, 8),
      '"y" begins at byte 0 of the data, inside of another tensor',
    ],
    ["metadata that is no text", file({ __metadata__: { a: 1 } }), "the __metadata__ must map text to text"],
    ["metadata that is a list", file({ __metadata__: [] }), "the __metadata__ must map text to text"],
    [
      "integers beyond int32",
      file({ x: { dtype: "I64", shape: [1], data_offsets: [0, 8] } }, new BigInt64Array([2n ** 31n])),
      '"x" holds integers beyond 32 bits',
    ],
  ])("%s", (_, bytes, problem) => {
    expect(() => decodeSafetensors(bytes)).toThrow(DataError);
    expect(() => decodeSafetensors(bytes)).toThrow(`decodeSafetensors: ${problem}`);
    expect(() => decodeSafetensors(bytes)).toThrow("; the file is no safetensors file, or damaged");
    // Metadata are read without a look at the elements.
    if (problem.includes("beyond 32 bits")) expect(decodeSafetensorsMetadata(bytes)).toEqual({});
    else expect(() => decodeSafetensorsMetadata(bytes)).toThrow(`decodeSafetensorsMetadata: ${problem}`);
  });

  test("spaces behind the header, empty tensors and unknown keys are fine", () => {
    const header = { y: entry(), x: entry({ shape: [0, 2], data_offsets: [0, 0], note: 1 }) };
    expect(Object.keys(decodeSafetensors(file(`${JSON.stringify(header)}   `, 8)))).toEqual(["y", "x"]);
    expect(decodeSafetensors(file("{}"))).toEqual({});
  });

  test("a bool is 0 or 1, whatever its byte", () => {
    const bytes = file({ x: { dtype: "BOOL", shape: [3], data_offsets: [0, 3] } }, Uint8Array.of(0, 1, 255));
    expect(decodeSafetensors(bytes).x!.toArray()).toEqual([0, 1, 1]);
  });

  const survives = (bytes: Uint8Array): void => {
    try {
      decodeSafetensors(bytes);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
    }
  };

  test("however bytes are flipped, nothing but a DataError is thrown", () => {
    const python = Buffer.from(FROM_PYTHON, "base64");
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.option(anyDict), flips, (dict, at) => {
        const bytes = dict === null ? Uint8Array.from(python) : encodeSafetensors(dict);
        for (const [i, mask] of at) bytes[i % bytes.length]! ^= mask;
        survives(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  test("wherever a file is cut off, it is noticed", () => {
    const python = Buffer.from(FROM_PYTHON, "base64");
    for (let end = 0; end < python.length; end++)
      expect(() => decodeSafetensors(python.subarray(0, end))).toThrow(DataError);
  });

  test("random headers throw nothing but a DataError", () => {
    const value = fc.oneof(
      fc.jsonValue(),
      fc.record({ dtype: fc.constantFrom("F32", "I64", "BOOL"), shape: fc.jsonValue(), data_offsets: fc.jsonValue() }),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), value), fc.nat(20), (header, size) => {
        survives(file(header, size));
      }),
      { numRuns: 500 },
    );
  });
});

describe("files", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "safetensors-"));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  test("hold the bytes, one after the other in one place", async () => {
    const dict = { weight: tensor([[1, 2]]), bias: tensor([3]) };
    const path = join(folder, "model.safetensors");
    await saveSafetensors(path, dict, { epoch: "3" });
    expect(inside(await loadSafetensors(path))).toEqual(inside(dict));
    expect(Buffer.from(await readFile(path))).toEqual(Buffer.from(encodeSafetensors(dict, { epoch: "3" })));
    await saveSafetensors(path, {});
    expect(await loadSafetensors(path)).toEqual({});
    expect(await readdir(folder)).toEqual(["model.safetensors"]);
  });

  test("are written from backends that compute asynchronously", async () => {
    const slow = { ...cpu(), name: "slow", synchronous: false };
    const x = withBackend(slow, () => tensor([1, 2]));
    const path = join(folder, "slow.safetensors");
    expect(() => encodeSafetensors({ x })).toThrow('dataSync: backend "slow" computes asynchronously');
    await saveSafetensors(path, { x });
    expect(inside(await loadSafetensors(path))).toEqual({ x: ["float32", [2], [1, 2]] });
    await rm(path);
  });

  test("hold what the tensors were when the saving began", async () => {
    const weight = new Parameter(tensor([[1]]));
    const path = join(folder, "early.safetensors");
    const saved = saveSafetensors(path, { weight });
    weight.assign(tensor([[2]]));
    await saved;
    expect((await loadSafetensors(path)).weight!.item()).toBe(1);
    await rm(path);
  });

  test("that are missing, malformed or not writable are named", async () => {
    const missing = join(folder, "missing.safetensors");
    await expect(loadSafetensors(missing)).rejects.toThrow(DataError);
    await expect(loadSafetensors(missing)).rejects.toThrow(`loadSafetensors: cannot read ${missing} (ENOENT`);
    const broken = join(folder, "broken.safetensors");
    await writeFile(broken, "no");
    await expect(loadSafetensors(broken)).rejects.toThrow(
      `loadSafetensors: ${broken}: 2 bytes do not even hold the length of the header`,
    );
    const taken = join(folder, "taken");
    await mkdir(taken);
    const before = await readdir(folder);
    await expect(saveSafetensors(taken, {})).rejects.toThrow(`saveSafetensors: cannot write ${taken} (`);
    await expect(saveSafetensors(join(missing, "x"), {})).rejects.toThrow("saveSafetensors: cannot write");
    expect(await readdir(folder)).toEqual(before);
  });
});
