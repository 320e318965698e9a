import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { brotliDecompressSync } from "node:zlib";

const require = createRequire(import.meta.url);

/** A file of a tar archive. */
interface Entry {
  readonly name: string;
  readonly data: Uint8Array;
}

const BLOCK = 512;

/** The plain files of a tar archive. */
function* entriesOf(tar: Buffer): Generator<Entry> {
  for (let start = 0; start + BLOCK <= tar.length && tar[start] !== 0; ) {
    const field = (from: number, to: number): string =>
      tar.toString("latin1", start + from, start + to).replace(/\0.*$/s, "");
    const size = Number.parseInt(field(124, 136), 8);
    const from = start + BLOCK;
    if (["0", ""].includes(field(156, 157))) yield { name: field(0, 100), data: tar.subarray(from, from + size) };
    start = from + Math.ceil(size / BLOCK) * BLOCK;
  }
}

/** The folder of a package whose `exports` hide its files, given one that they show. */
function packageAround(file: string): string {
  let folder = dirname(file);
  while (!existsSync(join(folder, "bin"))) folder = dirname(folder);
  return folder;
}

/** The folder of a software Vulkan driver, which a package for headless browsers ships. It is unpacked once. */
function softwareVulkan(): string {
  const archive = join(packageAround(require.resolve("@sparticuz/chromium")), "bin", "swiftshader.tar.br");
  const folder = join(tmpdir(), `descent-swiftshader-${readFileSync(archive).length}`);
  if (existsSync(folder)) return folder;
  // Other processes may be at it too: whoever is first renames, the others use what is there then.
  const fresh = mkdtempSync(`${folder}-`);
  for (const { name, data } of entriesOf(brotliDecompressSync(readFileSync(archive))))
    writeFileSync(join(fresh, basename(name)), data);
  try {
    renameSync(fresh, folder);
  } catch {
    rmSync(fresh, { recursive: true });
  }
  return folder;
}

/** Keeps a library loaded though it is no module of Node, so that the next one that asks for its name gets it. */
function preload(library: string): void {
  const [now, global, forEver] = [2, 0x100, 0x1000];
  try {
    process.dlopen({ exports: {} }, library, now | global | forEver);
  } catch {
    // "Module did not self-register": it is loaded nevertheless.
  }
}

/** Whether the machine may have a driver for WebGPU. Looking for one where there is none prints warnings. */
const hasDriver = (): boolean =>
  process.platform !== "linux" ||
  ["VK_ICD_FILENAMES", "VK_DRIVER_FILES"].some((name) => process.env[name] !== undefined) ||
  ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"].some(existsSync);

/** Gives this process a `navigator.gpu`: the machine's, or one in software. Once, for the process dies when what it made is collected. */
export const provideWebGpu = (): Promise<void> => {
  provided ??= provide();
  return provided;
};
let provided: Promise<void> | undefined;

async function provide(): Promise<void> {
  const { create, globals } = await import("webgpu");
  Object.assign(globalThis, globals);
  const set = (value: GPU): void => {
    // Node 20 has no navigator, and that of later versions has no field for this.
    const host = globalThis as { navigator?: object };
    if (host.navigator === undefined) Object.defineProperty(host, "navigator", { value: {} });
    Object.defineProperty(host.navigator, "gpu", { value, configurable: true });
  };
  const folder = softwareVulkan();
  if (process.platform === "linux") preload(join(folder, "libvulkan.so.1"));
  if (hasDriver()) {
    const hardware = create([]);
    if ((await hardware.requestAdapter()) !== null) return set(hardware);
  }
  process.env.VK_ICD_FILENAMES = join(folder, "vk_swiftshader_icd.json");
  set(create([]));
}
