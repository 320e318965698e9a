// The first addresses of the memory, which threads talk through. Words that several threads write have a cache line of their own.

/** The chunks of the running kernel that nobody has claimed: kernel, their number and the next one, in 16, 24 and 24 bits. */
export const CLAIMS = 64;
/** How many chunks of the running kernel are done. */
export const DONE = 128;
/** Changes when there is something new to look at. */
export const EPOCH = 192;
/** How many workers sleep until it does. */
export const SLEEPERS = 256;
/** Whether the main thread sleeps until a chunk is done. */
export const WAITING = 260;
/** How many modules have been sent to the workers; −1 tells them to end. */
export const MODULES = 320;
/** What the running kernel works on, for all of its chunks. */
export const LAUNCH = { items: 384, grain: 388, scratch: 392, scratchStride: 396 } as const;
/** Its parameters. */
export const PARAMETERS = 448;
/** Of four bytes each. */
export const MAX_PARAMETERS = 64;
/** Where a kernel says that it met something which it cannot do. */
export const DECLINED = 768;
/** The first address that belongs to the pager. */
export const HEAP = 4096;
