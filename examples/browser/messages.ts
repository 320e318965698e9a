import type { BackendName, Settings } from "./settings.ts";

/** What the page tells the worker. */
export type Command =
  | { readonly kind: "probe" }
  | { readonly kind: "train"; readonly settings: Settings; readonly directory: string }
  | { readonly kind: "pause" }
  | { readonly kind: "resume" }
  | { readonly kind: "lr"; readonly lr: number };

/** What the worker tells the page. */
export type Report =
  | { readonly kind: "probed"; readonly backend: BackendName; readonly problem: string | null }
  | ({ readonly kind: "progress" } & Progress)
  | ({ readonly kind: "tested" } & Tested)
  | { readonly kind: "ended" }
  | ({ readonly kind: "failed" } & Failure);

/** How training goes. */
export interface Progress {
  readonly epoch: number;
  /** The losses of the steps since the last report. */
  readonly losses: readonly number[];
  readonly samplesPerSecond: number | null;
  readonly facts: Facts;
}

/** How well the test images are read. */
export interface Tested {
  readonly correct: number;
  readonly total: number;
  /** The first images, always the same, and some of those that are misread. */
  readonly digits: readonly Digit[];
  readonly misread: readonly Digit[];
}

/** A test image: 28×28 greys, what it shows, and what the model takes it for. */
export interface Digit {
  readonly pixels: Uint8Array;
  readonly label: number;
  readonly predicted: number;
}

/** What a backend runs on and does, as names and values. */
export type Facts = readonly (readonly [name: string, value: string])[];

/** What went wrong, and what helps. */
export interface Failure {
  readonly problem: string;
  readonly remedy: string;
}
