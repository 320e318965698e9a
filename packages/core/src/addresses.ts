/** The device memory that a `Pager` divides. */
export interface PagedMemory {
  /** A copy on the host's heap. */
  copyOut(address: number, bytes: number): Uint8Array;
  copyIn(address: number, host: Uint8Array): void;
  /** Makes the addresses below `end` exist and keeps what is there; `false` where the device has no more. */
  grow(end: number): boolean;
}

/** The free addresses: first fit, neighbours merged. The last gap has no end. */
export class Addresses {
  readonly #memory: PagedMemory;
  readonly #gaps: { at: number; bytes: number }[];
  #existing = 0;

  constructor(memory: PagedMemory, base: number) {
    this.#memory = memory;
    this.#gaps = [{ at: base, bytes: Number.POSITIVE_INFINITY }];
  }

  /** The start of `bytes` free bytes that end at or below `limit`, or -1. */
  take(bytes: number, limit: number): number {
    const gaps = this.#gaps;
    let i = 0;
    while (gaps[i]!.bytes < bytes) i++;
    const gap = gaps[i]!;
    const end = gap.at + bytes;
    if (end > limit || (end > this.#existing && !this.#memory.grow(end))) return -1;
    this.#existing = Math.max(this.#existing, end);
    gap.at = end;
    gap.bytes -= bytes;
    if (gap.bytes === 0) gaps.splice(i, 1);
    return end - bytes;
  }

  give(at: number, bytes: number): void {
    const gaps = this.#gaps;
    let i = 0;
    while (gaps[i]!.at < at) i++;
    const before = gaps[i - 1];
    const after = gaps[i]!;
    const joinsBefore = before !== undefined && before.at + before.bytes === at;
    if (at + bytes !== after.at) {
      if (joinsBefore) before.bytes += bytes;
      else gaps.splice(i, 0, { at, bytes });
      return;
    }
    after.at = joinsBefore ? before.at : at;
    after.bytes += joinsBefore ? before.bytes + bytes : bytes;
    if (joinsBefore) gaps.splice(i - 1, 1);
  }
}
