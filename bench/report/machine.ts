import { spawnSync } from "node:child_process";
import { arch, cpus, platform } from "node:os";
import type { Hello } from "../protocol/messages.ts";

/** Under what circumstances a report was made. */
export interface Machine {
  readonly date: string;
  readonly machine: string;
  /** Of this repository; `null` where git knows none. */
  readonly commit: string | null;
  readonly rounds: number;
  readonly threads: number;
  /** GFLOP/s of 128-bit SIMD on one core. */
  readonly limit: number;
  readonly contenders: readonly (Hello & { readonly name: string })[];
  /** Contenders that could not start, and why. */
  readonly leftOut: readonly (readonly [name: string, why: string])[];
}

export const machineName = (): string =>
  `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown"}, ${platform()} ${arch()}`;

export function commitName(): string | null {
  const { status, stdout } = spawnSync("git", ["describe", "--always", "--dirty"], {
    cwd: new URL(".", import.meta.url),
    encoding: "utf8",
  });
  return status === 0 ? stdout.trim() : null;
}
