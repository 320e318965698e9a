import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** What the JavaScript peers consist of, in the versions that are measured. */
const PACKAGES = {
  tfjs: {
    "@tensorflow/tfjs-core": "4.22.0",
    "@tensorflow/tfjs-layers": "4.22.0",
    "@tensorflow/tfjs-backend-cpu": "4.22.0",
    "@tensorflow/tfjs-backend-wasm": "4.22.0",
  },
  "jax-js": { "@jax-js/jax": "0.1.25" },
  "js-pytorch": { "js-pytorch": "0.7.2" },
} as const;

/** Why a contender cannot start, and what to do about it; the message is for people. */
export class Missing extends Error {}

/** Installs a peer on first use, into a folder outside of the workspace's packages, and returns the folder. */
export function installed(peer: keyof typeof PACKAGES): string {
  const folder = fileURLToPath(new URL(`../.peers/${peer}/`, import.meta.url));
  const manifest = `${JSON.stringify({ private: true, dependencies: PACKAGES[peer] }, null, 2)}\n`;
  const stamp = `${folder}installed.json`; // What was asked for last time; a new version in the table is installed anew.
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === manifest) return folder;

  console.error(`bench: installing ${peer} into bench/.peers (first use, or another version)`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}package.json`, manifest);
  // No scripts: js-pytorch would compile OpenGL bindings, which nothing here uses.
  const { status, stderr } = spawnSync("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: folder,
    encoding: "utf8",
    shell: process.platform === "win32", // npm is a .cmd file there
  });
  if (status !== 0) throw new Missing(`npm could not install ${peer}:\n${stderr}`);
  writeFileSync(stamp, manifest);
  return folder;
}
