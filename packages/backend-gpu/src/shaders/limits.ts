// Numbers that gpu.js cannot write down, or only wrong.

/** The largest number: what is beyond is infinite. */
export const LARGEST = "3.4028234e38";

/** NaN, made of `x`. */
export const NONE = "Math.sqrt(-1 - Math.abs(x))";
