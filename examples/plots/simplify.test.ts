import { expect, test } from "vitest";
import { simplified } from "./simplify.ts";

test("leaves out the points that nobody sees, of lines and of rings", () => {
  expect(simplified("M0,0L1,0.1L2,0L3,0L3,5")).toBe("M0.0,0.0L3.0,0.0L3.0,5.0");
  expect(simplified("M0,0L5,0L10,0L10,10L0,10L0,0Z")).toBe("M0.0,0.0L10.0,0.0L10.0,10.0L0.0,10.0L0.0,0.0Z");
  expect(simplified("M0,0L9,0L9,9ZM0,0L1,0L2,0")).toBe("M0.0,0.0L9.0,0.0L9.0,9.0ZM0.0,0.0L2.0,0.0");
});

test("leaves alone what is short, or no path of straight lines", () => {
  for (const path of ["M0,0L-6,0", "M0,-6.7L2,-2Z", "M-4,-4h8v8h-8Z", ""]) expect(simplified(path)).toBe(path);
});
