import type { Window } from "@descent/core";
import { loop } from "../shaders/shader.ts";

/** Some drivers end an invocation, without a word, after as many turns of all of its loops. */
export const MOST_TURNS = 65_535;

/** The scalars that the loops below read, beside `height` and `width` of what they look at. */
export const windowScalars = ({
  kernel,
  stride,
  dilation,
}: Pick<Window, "kernel" | "stride" | "dilation">): Record<string, number> => ({
  kernel_h: kernel[0],
  kernel_w: kernel[1],
  stride_h: stride[0],
  stride_w: stride[1],
  dilation_h: dilation[0],
  dilation_w: dilation[1],
});

const both = (row: string, column: string, body: string): string =>
  loop(
    "kernel_h",
    `${row}
if (row >= 0 && row < height) {
${loop("kernel_w", `${column}\nif (column >= 0 && column < width) {\n${body}\n}`, { k: "q" })}
}`,
    { k: "p" },
  );

/** Over what a window at `at_top`, `at_left` sees, its place `p`, `q` in the window and `row`, `column` in the image; the padding is left out. */
export const forwards = (body: string): string =>
  both("const row = at_top + p * dilation_h;", "const column = at_left + q * dilation_w;", body);

/** The position of the window that begins so far from the first one, −1 where there is none. */
const position = (name: string, distance: string, stride: string): string => `const far_${name} = ${distance};
let ${name} = Math.floor((far_${name} + 0.5) / ${stride});
if (${name} * ${stride} > far_${name} || ${name} * ${stride} < far_${name}) { ${name} = -1; }`;

/** Over the windows that see the element at `at_top`, `at_left` of the padded image: `row`, `column` of the window, and the place in it. */
export const backwards = (body: string): string =>
  both(
    position("row", "at_top - p * dilation_h", "stride_h"),
    position("column", "at_left - q * dilation_w", "stride_w"),
    body,
  );
