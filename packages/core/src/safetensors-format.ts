import { bytesPerElement, type DType, type TypedArray } from "./dtype.ts";
import { ArgumentError, DataError } from "./errors.ts";
import { fromTypedArray } from "./ops/creation.ts";
import { type Shape, show, sizeOf } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

// A file is the length of the header (8 bytes, little-endian), the header (JSON, padded with spaces), and the elements of all tensors
// without gaps (https://github.com/huggingface/safetensors#format). Typed arrays are little-endian wherever JavaScript runs today.

/** A tensor as the file holds it. */
export interface Contents<V = TypedArray> {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly values: V;
}

const METADATA = "__metadata__";
const PREFIX = 8;
const MAX_HEADER = 100_000_000;

const NAMES: Record<DType, string> = { float64: "F64", float32: "F32", int32: "I32", bool: "BOOL" };

type NumericArray = Parameters<typeof fromTypedArray>[0];

/** What elements become, the array of those in the file, and what it stands for, which is `null` where one of them does not fit. */
type Format = readonly [
  dtype: DType,
  array: { readonly BYTES_PER_ELEMENT: number; new (bytes: ArrayBuffer): NumericArray },
  convert?: (array: never) => NumericArray | null,
];

const FORMATS: ReadonlyMap<string, Format> = new Map<string, Format>([
  ["F64", ["float64", Float64Array]],
  ["F32", ["float32", Float32Array]],
  ["F16", ["float32", Uint16Array, (bits: Uint16Array) => Float32Array.from(bits, half)]],
  ["BF16", ["float32", Uint16Array, brain]],
  ["I64", ["int32", BigInt64Array, (longs: BigInt64Array) => (longs.every(isShort) ? longs : null)]],
  ["I32", ["int32", Int32Array]],
  ["I16", ["int32", Int16Array]],
  ["I8", ["int32", Int8Array]],
  ["U8", ["int32", Uint8Array]],
  ["BOOL", ["bool", Uint8Array, (bytes: Uint8Array) => bytes.map((byte) => (byte === 0 ? 0 : 1))]],
]);

/** The number that 16 bits of IEEE 754 stand for. */
function half(bits: number): number {
  const [sign, exponent, fraction] = [bits >> 15 === 0 ? 1 : -1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** The upper halves of float32 numbers. */
function brain(halves: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(halves, (bits) => bits << 16).buffer);
}

const isShort = (n: bigint): boolean => n === BigInt.asIntN(32, n);

/** The bytes of a file. */
export function pack(
  op: string,
  contents: readonly Contents[],
  metadata: Readonly<Record<string, string>> | undefined,
): Uint8Array {
  // Large elements first, so that all of them are aligned.
  const order = [...contents].sort((a, b) => bytesPerElement(b.dtype) - bytesPerElement(a.dtype));
  const starts = new Map<string, number>();
  let size = 0;
  for (const { name, values } of order) {
    if (name === METADATA) throw new ArgumentError(op, `the name "${METADATA}" is reserved`, "rename the tensor");
    starts.set(name, size);
    size += values.byteLength;
  }
  const entries = contents.map(({ name, dtype, shape, values }) => {
    const start = starts.get(name)!;
    return [name, { dtype: NAMES[dtype], shape, data_offsets: [start, start + values.byteLength] }] as const;
  });
  for (const [key, value] of Object.entries(metadata ?? {}))
    if (typeof value !== "string") throw new ArgumentError(op, `the metadata "${key}" must be text, got ${value}`);
  const named = metadata === undefined ? entries : [[METADATA, metadata] as const, ...entries];
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(named)));
  const data = PREFIX + Math.ceil(json.length / 8) * 8;

  const bytes = new Uint8Array(data + size);
  new DataView(bytes.buffer).setUint32(0, data - PREFIX, true);
  bytes.fill(SPACE, PREFIX + json.length, data).set(json, PREFIX);
  for (const { name, values } of contents)
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), data + starts.get(name)!);
  return bytes;
}

const SPACE = 0x20;

/** An entry of the header, checked by itself. */
interface Entry {
  readonly name: string;
  readonly format: Format;
  readonly shape: Shape;
  readonly start: number;
  readonly end: number;
}

/** The tensors of a file. Nothing is allocated that the length of the file does not pay for. */
export function unpack(op: string, where: string, bytes: Uint8Array): Record<string, Tensor> {
  const fail = failing(op, where);
  const { entries, data } = read(bytes, fail);
  return Object.fromEntries(
    entries.map(({ name, format: [dtype, Elements, convert], shape, start, end }) => {
      const elements = new Elements(data.slice(start, end).buffer as ArrayBuffer);
      const values = convert ? convert(elements as never) : elements;
      return [name, fromTypedArray(values ?? fail(`"${name}" holds integers beyond 32 bits`), shape, dtype)];
    }),
  );
}

/** The metadata of a file; none are an empty record. */
export const unpackMetadata = (op: string, where: string, bytes: Uint8Array): Record<string, string> =>
  read(bytes, failing(op, where)).metadata;

type Fail = (problem: string) => never;

const failing =
  (op: string, where: string): Fail =>
  (problem) => {
    throw new DataError(op, `${where}${problem}`, "the file is no safetensors file, or damaged");
  };

/** What a file says of itself, all of it checked, and the bytes of its elements. */
function read(
  bytes: Uint8Array,
  fail: Fail,
): { entries: readonly Entry[]; metadata: Record<string, string>; data: Uint8Array } {
  const { header, data } = split(bytes, fail);
  let metadata: Record<string, string> = {};
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header))
    if (name === METADATA) metadata = metadataOf(value, fail);
    else entries.push(entryOf(name, value, fail));
  checkCoverage(entries, data.length, fail);
  return { entries, metadata, data };
}

/** The header as parsed JSON, and the bytes behind it. */
function split(bytes: Uint8Array, fail: Fail): { header: object; data: Uint8Array } {
  if (bytes.length < PREFIX) return fail(`${bytes.length} bytes do not even hold the length of the header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, PREFIX);
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  const room = bytes.length - PREFIX;
  if (length > room) return fail(`the header claims ${length} bytes, and ${room} follow`);
  if (length > MAX_HEADER) return fail(`the header claims ${length} bytes, and ${MAX_HEADER} are allowed`);
  // Of a plain type, for Node's Buffer would hand out views where copies are asked for.
  const data = new Uint8Array(bytes.buffer, bytes.byteOffset + PREFIX + length, room - length);
  if (bytes[PREFIX] !== BRACE || length === 0) return fail('the header does not begin with "{"');
  let text: string;
  let header: object;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(PREFIX, PREFIX + length));
    header = JSON.parse(text) as object;
  } catch (error) {
    return fail(`the header is no JSON (${(error as Error).message})`);
  }
  const twice = duplicateKey(text);
  return twice === null ? { header, data } : fail(`the header has the key "${twice}" twice`);
}

const BRACE = 0x7b;

/** The first key that an object of a valid JSON text has twice, which `JSON.parse` does not mind. */
function duplicateKey(json: string): string | null {
  const open: Set<string>[] = [];
  for (const [token] of json.matchAll(/[{}]|"[^"\\]*(?:\\.[^"\\]*)*"\s*:?/g))
    if (token === "{") open.push(new Set());
    else if (token === "}") open.pop();
    else if (token.endsWith(":")) {
      const key = JSON.parse(token.slice(0, -1)) as string;
      if (open.at(-1)!.has(key)) return key;
      open.at(-1)!.add(key);
    }
  return null;
}

const metadataOf = (value: unknown, fail: Fail): Record<string, string> =>
  isRecord(value) && Object.values(value).every((text) => typeof text === "string")
    ? (value as Record<string, string>)
    : fail(`the ${METADATA} must map text to text`);

function entryOf(name: string, value: unknown, fail: Fail): Entry {
  if (!isRecord(value)) return fail(`"${name}" is not described by an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  const format = typeof dtype === "string" ? FORMATS.get(dtype) : undefined;
  if (format === undefined)
    return fail(`"${name}" has dtype ${JSON.stringify(dtype)}, known are ${[...FORMATS.keys()].join(", ")}`);
  if (!isSizes(shape)) return fail(`"${name}" has no valid shape`);
  if (!isSizes(offsets) || offsets.length !== 2) return fail(`"${name}" has no valid data_offsets`);
  const [start, end] = offsets as [number, number];
  const size = format[1].BYTES_PER_ELEMENT * sizeOf(shape);
  if (size !== end - start)
    return fail(`"${name}" has ${end - start} bytes, but ${dtype} ${show(shape)} needs ${size}`);
  return { name, format, shape, start, end };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);

/** Throws unless the tensors fill the data one after the other, without gaps. */
function checkCoverage(entries: readonly Entry[], size: number, fail: Fail): void {
  let at = 0;
  for (const { name, start, end } of [...entries].sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (start !== at)
      fail(
        `"${name}" begins at byte ${start} of the data, ${start < at ? "inside of another tensor" : `after a hole from ${at}`}`,
      );
    at = end;
  }
  if (at !== size) fail(`the tensors end at byte ${at} of the data, which has ${size}`);
}

// In Node and browsers alike, but in none of the libraries that the packages are compiled with.
declare const TextEncoder: new () => { encode(text: string): Uint8Array };
declare const TextDecoder: new (label: string, options: { fatal: boolean }) => { decode(bytes: Uint8Array): string };
