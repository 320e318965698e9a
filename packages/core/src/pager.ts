import { Addresses, type PagedMemory } from "./addresses.ts";
import { ArgumentError, OutOfMemoryError } from "./errors.ts";

const KIB = 2 ** 10;
const MIB = 2 ** 20;
/** Of addresses and sizes: suits every dtype and SIMD load. */
const ALIGNMENT = 64;
/** Blocks up to this size share a page with others of their size class. */
const SMALL = 4 * KIB;
/** Four of the smallest pages: three operands and a result. */
const MIN_BUDGET = 16 * KIB;
const EMPTY = new Uint8Array(0);

/** The class of a small size: powers of two from the alignment on. */
const sizeClass = (bytes: number): number => (bytes <= ALIGNMENT ? 0 : 26 - Math.clz32(bytes - 1));
const roundUp = (bytes: number, step: number): number => Math.ceil(bytes / step) * step;

export interface PagerOptions {
  /** Bytes that may be resident at once: fixed where given, else 64 MiB and growing up to `maxBudget`. */
  readonly budget?: number;
  readonly maxBudget?: number;
  /** First address that belongs to the pager. */
  readonly base?: number;
  /**
   * With it, the pager looks for dead blocks before it moves any to the host; without it, those that the engine's collector has not told of
   * yet are copied out like others.
   */
  readonly collector?: Collector | undefined;
}

/** What can collect garbage when it is asked to. */
export interface Collector {
  /** Collects garbage at once, so that weak references to what was dropped before are empty. */
  collect(): void;
  /** Milliseconds since any time. */
  now(): number;
}

/** What the finalizer of a large block finds, and the key that eviction unregisters: kept, it would keep the host copy. */
interface Token {
  page: Page;
  /** The canary, where there is something to be gained by looking whether it lives. */
  canary: WeakRef<Canary> | null;
}

/** What a collection has to free for each millisecond that it takes: about what could be copied out meanwhile. */
const COPIED_PER_MS = 2 * MIB;
/** The share of time that collections may take before a larger budget has to make them rarer, and how large it may become for that. */
const MAX_SHARE = 0.04;
const ROOMY = 512 * MIB;
/** How many chances to collect are passed over at most, after some that were not worth it. */
const MAX_PAUSE = 256;

/** Dies with the block that holds it. Freed blocks hand it on, because to register one costs more than a small kernel. */
class Canary {
  constructor(readonly token: Token) {}
}

/** The unit of eviction: a large block, or many small ones of one class. It knows none of them, or none could ever be garbage. */
class Page {
  /** The contents while they are not on the device. */
  host: Uint8Array | null = null;
  /** The last kernel that used it. */
  stamp = 0;
  /** Place in the list of resident pages. */
  index = -1;
  used = 0;
  /** Offsets of the slots that came back, and of the first that was never taken. */
  readonly free: number[] = [];
  next = 0;
  token: Token | null = null;

  constructor(
    public base: number,
    readonly bytes: number,
    /** Bytes of a slot for a small block, 0 in the page of a large one. */
    readonly slot: number,
  ) {}
}

/** The page of freed blocks: never resident, so that the check for residency catches their use too. */
const FREED = new Page(-1, 0, 0);
FREED.host = EMPTY;

/** Device memory, wherever its contents are: the handle of a backend with a pager, which alone looks inside. */
export class Block {
  /** @internal */ canary: Canary | null = null;

  constructor(
    /** @internal */ public page: Page,
    /** @internal */ public offset: number,
    readonly bytes: number,
  ) {}
}

/**
 * Makes device memory a cache over host memory, for backends whose storages the garbage collector cannot see.
 *
 * A kernel calls `begin`, `use` for all operands, `allocate` for all results and scratch, and only then `address`: each of the former
 * may move what the kernel has not used yet. Beyond the budget the least recently used pages are copied to ordinary arrays on the host,
 * which only their blocks lead to. So a block that is dropped costs a copy at worst, and `free` saves that.
 */
export class Pager {
  readonly stats = {
    /** Bytes of the pages on the device. */
    resident: 0,
    peak: 0,
    budget: 0,
    /** Pages copied out. */
    evictions: 0,
    evictedBytes: 0,
    /** Collections that were asked for, and bytes that they freed. */
    collections: 0,
    collectedBytes: 0,
    /** Blocks copied back in. */
    reloads: 0,
    reloadedBytes: 0,
    /** Blocks not freed, including those that the collector took unnoticed. */
    live: 0,
  };
  readonly #memory: PagedMemory;
  readonly #base: number;
  readonly #maxBudget: number;
  readonly #pageBytes: number;
  readonly #addresses: Addresses;
  readonly #resident: Page[] = [];
  /** Per size class the resident pages with a free slot. */
  readonly #open: Page[][] = Array.from({ length: 1 + sizeClass(SMALL) }, () => []);
  readonly #finalizers = new FinalizationRegistry<Token>((token) => this.#finalize(token));
  readonly #canaries: Canary[] = [];
  /** The running kernel, whose stamp pins a page, and its op. */
  #kernel = 1;
  #op = "Pager";
  #evictedBefore = 0;
  #reloadedBefore = 0;
  readonly #collector: Collector | undefined;
  /** When the last collection ended. */
  #collectedAt = 0;
  /** Chances to collect that are still passed over, and how many there will be if the next collection is not worth it either. */
  #pause = 0;
  #nextPause = 1;

  constructor(memory: PagedMemory, options: PagerOptions = {}) {
    const { budget = 64 * MIB, maxBudget = options.budget ?? 1024 * MIB, base = 0 } = options;
    if (!(budget >= MIN_BUDGET && maxBudget >= budget))
      throw new ArgumentError(
        "Pager",
        `expected ${MIN_BUDGET} ≤ budget ≤ maxBudget, got ${budget} and ${maxBudget} bytes`,
      );
    this.stats.budget = budget;
    this.#maxBudget = maxBudget;
    this.#memory = memory;
    this.#collector = options.collector;
    this.#base = roundUp(base, ALIGNMENT);
    this.#addresses = new Addresses(memory, this.#base);
    // A small budget gets small pages, so that a kernel pins only a part of it.
    this.#pageBytes = Math.min(64 * KIB, Math.max(SMALL, 2 ** Math.floor(Math.log2(budget / 16))));
  }

  /** Starts a kernel: what it uses and allocates stays in place until the next one starts. */
  begin(op: string): void {
    this.#kernel++;
    this.#op = op;
  }

  /** Brings an operand onto the device. */
  use(block: Block): void {
    if (block.page.host !== null) this.#reload(block);
    block.page.stamp = this.#kernel;
  }

  /** A new block with arbitrary contents. */
  allocate(bytes: number): Block {
    let block: Block;
    if (bytes <= SMALL) {
      const page = this.#openPage(sizeClass(bytes));
      block = new Block(page, this.#takeSlot(page), bytes);
    } else {
      const size = roundUp(bytes, KIB);
      const page = new Page(this.#place(size), size, 0);
      page.used = 1;
      block = new Block(page, 0, bytes);
      this.#admit(page);
      this.#watch(block);
    }
    this.stats.live++;
    return block;
  }

  /** The address of a block that this kernel has used or allocated. */
  address({ page, offset }: Block): number {
    if (page.stamp !== this.#kernel) throw new Error(`Pager.address: ${this.#op} has not used this block`);
    return page.base + offset;
  }

  /** Whether the contents are on the device. */
  isResident(block: Block): boolean {
    return block.page.host === null;
  }

  /** Gives the memory back at once. */
  free(block: Block): void {
    const { page, offset } = block;
    if (page === FREED) throw new Error("Pager.free: this block has been freed before");
    block.page = FREED;
    this.stats.live--;
    if (page.host !== null) return;
    if (page.slot === 0) {
      this.#canaries.push(block.canary!);
      block.canary = null;
      this.#release(page);
      return;
    }
    if (page.free.push(offset) === 1 && page.next === page.bytes) this.#open[sizeClass(page.slot)]!.push(page);
    if (--page.used === 0) page.stamp = 0; // the first to go: there is nothing to copy
  }

  /** Starts a kernel on `operands`, of which `null` stands for none, and makes blocks of `sizes` for its results: all of them or none. */
  start(op: string, operands: readonly (Block | null)[], sizes: readonly number[]): Block[] {
    this.begin(op);
    for (let i = 0; i < operands.length; i++) {
      const block = operands[i]!;
      if (block !== null) this.use(block);
    }
    const results = new Array<Block>(sizes.length);
    let made = 0;
    try {
      for (; made < sizes.length; made++) results[made] = this.allocate(sizes[made]!);
    } finally {
      if (made < sizes.length) for (let i = 0; i < made; i++) this.free(results[i]!);
    }
    return results;
  }

  /** Runs a whole kernel: `body` gets the addresses of `operands` and of new blocks of `sizes`, which are freed where it throws. */
  run(
    op: string,
    operands: readonly Block[],
    sizes: readonly number[],
    body: (operands: readonly number[], results: readonly number[]) => void,
  ): Block[] {
    const results = this.start(op, operands, sizes);
    try {
      body(this.#addressesOf(operands), this.#addressesOf(results));
      return results;
    } catch (error) {
      for (const block of results) this.free(block);
      throw error;
    }
  }

  #addressesOf(blocks: readonly Block[]): number[] {
    const addresses = new Array<number>(blocks.length);
    for (let i = 0; i < blocks.length; i++) addresses[i] = this.address(blocks[i]!);
    return addresses;
  }

  #openPage(sizeClass: number): Page {
    const pages = this.#open[sizeClass]!;
    if (pages.length > 0) return pages[pages.length - 1]!;
    const page = new Page(this.#place(this.#pageBytes), this.#pageBytes, ALIGNMENT << sizeClass);
    this.#admit(page);
    this.#open[sizeClass]!.push(page); // not `pages`: eviction replaces the lists
    return page;
  }

  /** The offset of a slot in a page from `#openPage`. */
  #takeSlot(page: Page): number {
    let offset = page.next;
    if (page.free.length > 0) offset = page.free.pop()!;
    else page.next += page.slot;
    if (page.free.length === 0 && page.next === page.bytes) this.#open[sizeClass(page.slot)]!.pop();
    page.used++;
    page.stamp = this.#kernel;
    return offset;
  }

  #admit(page: Page): void {
    page.stamp = this.#kernel;
    page.index = this.#resident.push(page) - 1;
    this.stats.resident += page.bytes;
    this.stats.peak = Math.max(this.stats.peak, this.stats.resident);
  }

  #release(page: Page): void {
    const last = this.#resident.pop()!;
    if (last !== page) {
      this.#resident[page.index] = last;
      last.index = page.index;
    }
    this.stats.resident -= page.bytes;
    this.#addresses.give(page.base, page.bytes);
  }

  /** Has a large block freed when the collector finds it dead; small ones cost more to watch than they hold. */
  #watch(block: Block): void {
    const { page } = block;
    let canary = this.#canaries.pop();
    if (canary === undefined) {
      canary = new Canary({ page, canary: null });
      if (this.#collector !== undefined) canary.token.canary = new WeakRef(canary);
      this.#finalizers.register(canary, canary.token, canary.token);
    }
    canary.token.page = page;
    page.token = canary.token;
    block.canary = canary;
  }

  #finalize({ page }: Token): void {
    this.stats.live--;
    this.#release(page);
  }

  #reload(block: Block): void {
    const { page, offset } = block;
    if (page === FREED) throw new Error(`Pager.use: ${this.#op} uses a block that has been freed`);
    if (page.slot === 0) {
      page.base = this.#place(page.bytes);
      this.#memory.copyIn(page.base, page.host!);
      page.host = null;
      this.#admit(page);
      this.#watch(block);
    } else {
      // A small block moves to another page; its neighbours stay on the host until they are used themselves.
      block.page = this.#openPage(sizeClass(page.slot));
      block.offset = this.#takeSlot(block.page);
      this.#memory.copyIn(block.page.base + block.offset, page.host!.subarray(offset, offset + page.slot));
    }
    this.stats.reloads++;
    this.stats.reloadedBytes += page.slot || page.bytes;
  }

  /** The address of `bytes` free bytes within the budget; evicts others where there are none. */
  #place(bytes: number): number {
    const { stats } = this;
    let at = this.#find(bytes);
    if (at < 0 && this.#isThrashing()) {
      this.#growBudget();
      at = this.#find(bytes);
    }
    if (at < 0 && this.#sweep(bytes)) at = this.#find(bytes);
    while (at < 0 && this.#evict(Math.max(bytes, Math.min(stats.budget / 4, 32 * MIB)))) at = this.#find(bytes);
    if (at >= 0) return at;
    // What is resident now is pinned. It splits the addresses, so what fits into the budget may lie beyond its end.
    const needed = stats.resident + bytes;
    const fits = needed <= this.#maxBudget;
    if (fits) at = this.#addresses.take(bytes, Number.POSITIVE_INFINITY);
    if (at < 0)
      throw new OutOfMemoryError(
        this.#op,
        `needs ${bytes} bytes of device memory more than the ${stats.resident} that its operands hold, and ${
          fits ? "the device has no more" : `the budget is ${this.#maxBudget}`
        }`,
        fits ? "use smaller batches" : "raise the budget or use smaller batches",
      );
    while (needed > stats.budget) this.#growBudget();
    return at;
  }

  #find(bytes: number): number {
    const { resident, budget } = this.stats;
    return resident + bytes <= budget ? this.#addresses.take(bytes, this.#base + budget) : -1;
  }

  #growBudget(): void {
    this.stats.budget = Math.min(2 * this.stats.budget, this.#maxBudget);
  }

  /** Collects garbage and frees the large blocks that are dead, unless that was not worth it of late; `true` where `bytes` came free. */
  #sweep(bytes: number): boolean {
    const collector = this.#collector;
    if (collector === undefined || this.#pause-- > 0) return false;
    const start = collector.now();
    collector.collect();
    const end = collector.now();
    const took = end - start;
    if (took > MAX_SHARE * (end - this.#collectedAt) && this.stats.budget < ROOMY) this.#growBudget();
    this.#collectedAt = end;
    let freed = 0;
    // Backwards, because the last page takes the place of one that goes. A block of the running kernel may be in use by its address alone.
    for (let i = this.#resident.length - 1; i >= 0; i--) {
      const page = this.#resident[i]!;
      if (page.token === null || page.stamp === this.#kernel || page.token.canary?.deref() !== undefined) continue;
      this.#finalizers.unregister(page.token);
      this.stats.live--;
      freed += page.bytes;
      this.#release(page);
    }
    this.stats.collections++;
    this.stats.collectedBytes += freed;
    const isWorthIt = freed >= took * COPIED_PER_MS;
    this.#pause = isWorthIt ? 0 : this.#nextPause;
    this.#nextPause = isWorthIt ? 1 : Math.min(2 * this.#nextPause, MAX_PAUSE);
    return freed >= bytes;
  }

  /** Whether more than a tenth of what was evicted last time has come back. */
  #isThrashing(): boolean {
    const { evictedBytes, reloadedBytes } = this.stats;
    const evicted = evictedBytes - this.#evictedBefore;
    const reloaded = reloadedBytes - this.#reloadedBefore;
    this.#evictedBefore = evictedBytes;
    this.#reloadedBefore = reloadedBytes;
    return evicted > 0 && reloaded > evicted / 10;
  }

  /** Moves the least recently used pages out, `bytes` of them if there are as many; `false` where all are pinned. */
  #evict(bytes: number): boolean {
    // Sorting now is exact, and unlike a linked list it costs the kernels nothing.
    const pages = this.#resident.filter((page) => page.stamp !== this.#kernel).sort((a, b) => a.stamp - b.stamp);
    let wanted = bytes;
    try {
      for (const page of pages) {
        if (wanted <= 0) break;
        this.#moveOut(page);
        wanted -= page.bytes;
      }
    } finally {
      for (const [i, open] of this.#open.entries()) this.#open[i] = open.filter((page) => page.host === null);
    }
    return pages.length > 0;
  }

  #moveOut(page: Page): void {
    if (page.used > 0) {
      page.host = this.#memory.copyOut(page.base, page.bytes);
      this.stats.evictions++;
      this.stats.evictedBytes += page.bytes;
    } else page.host = EMPTY;
    if (page.token !== null) this.#finalizers.unregister(page.token);
    this.#release(page);
  }
}
