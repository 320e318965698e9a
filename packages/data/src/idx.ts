import { DataError } from "@descent/core";

/** Unsigned bytes and the sizes of their axes. */
export interface Idx {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/**
 * Reads an IDX file: the magic number `00 00 08 axes` (08: unsigned bytes), the size of each axis in four bytes, the elements.
 * What the header promises is compared with what is there before anything else happens. `data` shares memory with `bytes`.
 */
export function parseIdx(file: string, bytes: Uint8Array, axes: number): Idx {
  const damaged = (problem: string): DataError =>
    new DataError("MNIST", `${file} ${problem}`, "fetch the file again, and unpack it if its name ends in .gz");

  const header = 4 + 4 * axes;
  if (bytes.length < header) throw damaged(`has ${bytes.length} bytes, expected a header of ${header}`);
  const words = new DataView(bytes.buffer, bytes.byteOffset, header);
  const [magic, expected] = [words.getUint32(0), 0x800 + axes];
  if (magic !== expected) throw damaged(`begins with ${hex(magic)}, expected ${hex(expected)}: bytes of rank ${axes}`);

  const shape = Array.from({ length: axes }, (_, axis) => words.getUint32(4 + 4 * axis));
  const size = shape.reduce((product, n) => product * n, 1);
  if (bytes.length !== header + size)
    throw damaged(`has ${bytes.length} bytes, expected a header of ${header} and ${shape.join(" × ")}`);
  return { shape, data: bytes.subarray(header) };
}

const hex = (word: number): string => `0x${word.toString(16).padStart(8, "0")}`;
