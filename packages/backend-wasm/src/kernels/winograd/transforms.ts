import type { F32x4, FunctionBuilder } from "../../assembler/index.ts";

// Winograd's minimal filtering F(4, 3): four outputs of a filter with three taps from six inputs, with six products instead of twelve. In
// the letters of Lavin & Gray (2015), with the points 0, ±1, ±2 and ∞:
//
//   Y = Aᵀ [(G g) ⊙ (Bᵀ d)],  and its gradient in the filter:  dg = Gᵀ [(A dY) ⊙ (Bᵀ d)].
//
// In two dimensions every matrix acts from both sides. A function here is one matrix times a column of vectors, whose lanes are columns
// of their own.

/** One of the matrices, as code: takes and gives vectors. */
export type Transform = (f: FunctionBuilder, column: readonly F32x4[]) => readonly F32x4[];

/** `Bᵀ d`: six inputs to six points. */
export const inputTransform: Transform = (f, [x0, x1, x2, x3, x4, x5]) => {
  const [d1, d2, d3, d4] = [f.let(x1!), f.let(x2!), f.let(x3!), f.let(x4!)];
  const even = f.let(f.nmadd(f.f32x4(4), d2, d4));
  const odd = f.let(f.nmadd(f.f32x4(4), d1, d3));
  const even2 = f.let(d4.sub(d2));
  const odd2 = f.let(d3.sub(d1).mul(f.f32x4(2)));
  return [
    f.madd(f.f32x4(4), x0!, f.nmadd(f.f32x4(5), d2, d4)),
    even.add(odd),
    even.sub(odd),
    even2.add(odd2),
    even2.sub(odd2),
    f.madd(f.f32x4(4), d1, f.nmadd(f.f32x4(5), d3, x5!)),
  ];
};

/** `G g`: three taps to six points. */
export const weightTransform: Transform = (f, [x0, x1, x2]) => {
  const [g0, g1, g2] = [f.let(x0!), f.let(x1!), f.let(x2!)];
  const even = f.let(g0.add(g2).mul(f.f32x4(-1 / 6)));
  const odd = f.let(g1.mul(f.f32x4(1 / 6)));
  const even2 = f.let(f.madd(g2, f.f32x4(1 / 6), g0.mul(f.f32x4(1 / 24))));
  const odd2 = f.let(g1.mul(f.f32x4(1 / 12)));
  return [g0.mul(f.f32x4(1 / 4)), even.sub(odd), even.add(odd), even2.add(odd2), even2.sub(odd2), g2];
};

/** `Aᵀ m`: six points to four outputs. */
export const outputTransform: Transform = (f, [m0, x1, x2, x3, x4, m5]) => {
  const [m1, m2, m3, m4] = [f.let(x1!), f.let(x2!), f.let(x3!), f.let(x4!)];
  const even = f.let(m1.add(m2));
  const odd = f.let(m1.sub(m2));
  const even2 = f.let(m3.add(m4));
  const odd2 = f.let(m3.sub(m4));
  return [
    m0!.add(even).add(even2),
    f.madd(f.f32x4(2), odd2, odd),
    f.madd(f.f32x4(4), even2, even),
    f.madd(f.f32x4(8), odd2, odd.add(m5!)),
  ];
};

/** `A dY`: gradients of four outputs to six points. */
export const outputGradTransform: Transform = (f, [x0, x1, x2, x3]) => {
  const [y0, y1, y2, y3] = [f.let(x0!), f.let(x1!), f.let(x2!), f.let(x3!)];
  const even = f.let(y0.add(y2));
  const odd = f.let(y1.add(y3));
  const even2 = f.let(f.madd(f.f32x4(4), y2, y0));
  const odd2 = f.let(f.madd(f.f32x4(8), y3, y1.add(y1)));
  return [y0, even.add(odd), even.sub(odd), even2.add(odd2), even2.sub(odd2), y3];
};

/** `Gᵀ u`: six points to gradients of three taps. */
export const weightGradTransform: Transform = (f, [u0, x1, x2, x3, x4, u5]) => {
  const [u1, u2, u3, u4] = [f.let(x1!), f.let(x2!), f.let(x3!), f.let(x4!)];
  const even = f.let(u1.add(u2).mul(f.f32x4(-1 / 6)));
  const odd = f.let(u2.sub(u1).mul(f.f32x4(1 / 6)));
  const even2 = f.let(u3.add(u4).mul(f.f32x4(1 / 24)));
  const odd2 = f.let(u3.sub(u4));
  return [
    f.madd(f.f32x4(1 / 4), u0!, even.add(even2)),
    f.madd(f.f32x4(1 / 12), odd2, odd),
    f.madd(f.f32x4(4), even2, even.add(u5!)),
  ];
};
