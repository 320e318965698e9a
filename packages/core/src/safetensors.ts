/**
 * Reads and writes tensors as safetensors, the files of Python's library of that name.
 *
 * @module @descent/core/safetensors
 */
import { DataError } from "./errors.ts";
import { type Contents, pack, unpack, unpackMetadata } from "./safetensors-format.ts";
import type { Tensor } from "./tensor.ts";

/** Tensors under their names. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** Text that travels with the tensors. */
export type Metadata = Readonly<Record<string, string>>;

/**
 * The bytes of a safetensors file, as Python's `safetensors` reads it, with float32 as F32, float64 as F64, int32 as I32 and bool as BOOL.
 * Throws on backends that compute asynchronously; `saveSafetensors` waits for them.
 */
export const encodeSafetensors = (tensors: Tensors, metadata?: Metadata): Uint8Array =>
  pack(
    "encodeSafetensors",
    contentsOf(tensors, (x) => x.dataSync()),
    metadata,
  );

/**
 * The tensors in the bytes of a safetensors file, on the current backend. F16 and BF16 become float32, U8, I8, I16 and I64 int32.
 *
 * Throws a DataError where the bytes are malformed, of an unknown dtype, or hold an I64 beyond int32.
 */
export const decodeSafetensors = (bytes: Uint8Array): Record<string, Tensor> => unpack("decodeSafetensors", "", bytes);

/** The metadata in the bytes of a safetensors file, empty where there are none. Throws a DataError where the bytes are malformed. */
export const decodeSafetensorsMetadata = (bytes: Uint8Array): Record<string, string> =>
  unpackMetadata("decodeSafetensorsMetadata", "", bytes);

/** Writes a safetensors file: beside `path` first, then in its place, so that a crash leaves the old file or the new one. For Node. */
export async function saveSafetensors(path: string, tensors: Tensors, metadata?: Metadata): Promise<void> {
  const values = contentsOf(tensors, (x) => x.data());
  const contents = await Promise.all(values.map(async (entry) => ({ ...entry, values: await entry.values })));
  const bytes = pack("saveSafetensors", contents, metadata);
  const { open, rename, rm } = await fileSystem();
  const draft = `${path}.${Math.random().toString(36).slice(2)}.tmp`;
  try {
    const file = await open(draft, "wx");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw new DataError("saveSafetensors", `cannot write ${path} (${messageOf(error)})`);
  }
}

/** The tensors of a safetensors file, as `decodeSafetensors` gives them; a DataError names the file. For Node. */
export async function loadSafetensors(path: string): Promise<Record<string, Tensor>> {
  const { readFile } = await fileSystem();
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new DataError("loadSafetensors", `cannot read ${path} (${messageOf(error)})`);
  });
  return unpack("loadSafetensors", `${path}: `, bytes);
}

const contentsOf = <V>(tensors: Tensors, values: (x: Tensor) => V): Contents<V>[] =>
  Object.entries(tensors).map(([name, x]) => ({ name, dtype: x.dtype, shape: x.shape, values: values(x) }));

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What is used of Node's module. */
interface FileSystem {
  open(
    path: string,
    flags: string,
  ): Promise<{ writeFile(bytes: Uint8Array): Promise<void>; sync(): Promise<void>; close(): Promise<void> }>;
  readFile(path: string): Promise<Uint8Array>;
  rename(from: string, to: string): Promise<void>;
  rm(path: string, options: { force: boolean }): Promise<void>;
}

/** Under a name that bundlers for browsers do not follow. */
const fileSystem = async (name = "node:fs/promises"): Promise<FileSystem> =>
  (await import(/* webpackIgnore: true */ /* @vite-ignore */ name)) as FileSystem;
