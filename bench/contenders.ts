import { fileURLToPath } from "node:url";
import { installed } from "./peers/install.ts";
import { pythonWithTorch } from "./peers/python.ts";
import type { Launch } from "./protocol/contender.ts";

/** What the command line says about contenders. */
export interface Setting {
  readonly threads: number;
  /** One of ours; `null` for the one that `descent` chooses. */
  readonly backend: string | null;
  /** A Python that can import torch; `null` to look for one. */
  readonly python: string | null;
}

const PATIENCE = 30;

const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** A contender that Node runs; the collector can be called so that each task begins with a clean heap. */
const node = (file: string, ...args: readonly string[]): Launch => ({
  command: process.execPath,
  args: ["--expose-gc", "--import", path("protocol/typescript.mjs"), path(file), ...args],
  env: {},
  patience: PATIENCE,
});

/** Our side. */
export const OURS = "descent";

export const ours = ({ threads, backend }: Setting): Launch =>
  node("ours/main.ts", String(threads), ...(backend === null ? [] : [backend]));

function torch(threads: number, python: string | null, ...args: readonly string[]): Launch {
  const command = pythonWithTorch(python);
  const count = String(threads);
  // The pools of OpenMP and MKL are made when torch is imported.
  const env = { OMP_NUM_THREADS: count, MKL_NUM_THREADS: count, PYTHONUNBUFFERED: "1" };
  return { command, args: [path("peers/torch.py"), count, ...args], env, patience: PATIENCE };
}

/** The others: how to start them. Whatever they need is looked for, or installed, first. */
export const PEERS = {
  torch: ({ threads, python }) => torch(threads, python),
  "torch-tuned": ({ threads, python }) => torch(threads, python, "tuned"),
  "torch-foreach": ({ threads, python }) => torch(threads, python, "foreach"),
  "tfjs-wasm": () => node("peers/tfjs.mjs", installed("tfjs"), "wasm"),
  // The gradient of its convolutions takes minutes.
  "tfjs-cpu": () => ({ ...node("peers/tfjs.mjs", installed("tfjs"), "cpu"), patience: 10 }),
  "jax-js": () => node("peers/jax.mjs", installed("jax-js")),
  "js-pytorch": () => node("peers/js-pytorch.mjs", installed("js-pytorch")),
} as const satisfies Readonly<Record<string, (setting: Setting) => Launch>>;

export type PeerName = keyof typeof PEERS;

/** What `--help` says about them. */
export const ABOUT: Readonly<Record<PeerName, string>> = {
  torch: "PyTorch, as its documentation is written",
  "torch-tuned": "PyTorch with images channels last and fused optimizers",
  "torch-foreach": "PyTorch with optimizers that take all tensors at once",
  "tfjs-wasm": "TensorFlow.js, WebAssembly; has no gradient of convolutions",
  "tfjs-cpu": "TensorFlow.js, plain JavaScript",
  "jax-js": "jax-js, WebAssembly; eager or compiled, whichever is faster",
  "js-pytorch": "js-pytorch, plain JavaScript; linear layers and Adam only",
};
