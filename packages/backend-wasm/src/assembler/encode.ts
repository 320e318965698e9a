/** Bytes of WebAssembly code; nested, so that putting pieces together copies nothing. */
export type Code = readonly (number | Code)[];

/** Appends nested bytes to a flat list. */
export function flatten(code: Code, to: number[] = []): number[] {
  for (const item of code) {
    if (typeof item === "number") to.push(item);
    else flatten(item, to);
  }
  return to;
}

/** An unsigned integer of at most 32 bits in LEB128. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

/** A signed integer of at most 64 bits in LEB128. */
export function signed(value: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    const isLast = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0);
    bytes.push(isLast ? low : low | 0x80);
    if (isLast) return bytes;
  }
}

/** A list with its length before it. */
export const vector = (items: readonly Code[]): Code => [unsigned(items.length), ...items];

/** Bytes with their number before them. */
export const sized = (code: Code): Code => {
  const bytes = flatten(code);
  return [unsigned(bytes.length), bytes];
};

/** A name of ASCII characters. */
export const text = (name: string): Code => sized(Array.from(name, (character) => character.charCodeAt(0)));

export const float32 = (value: number): number[] => [...new Uint8Array(Float32Array.of(value).buffer)];
export const float64 = (value: number): number[] => [...new Uint8Array(Float64Array.of(value).buffer)];
export const int32 = (value: number): number[] => [...new Uint8Array(Int32Array.of(value).buffer)];
