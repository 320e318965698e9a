import { cpu } from "@descent/backend-cpu";
import {
  addmm,
  cdist,
  cross,
  einsum,
  eye,
  grad,
  kron,
  linalg,
  ones,
  type Shape,
  setBackend,
  stack,
  type Tensor,
  tensor,
  tensordot,
  withBackend,
} from "@descent/core";
import "@descent/core/methods";
import { arbitraries, countingBackend, expectClose } from "@descent/testing";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";

beforeAll(() => setBackend(cpu()));

const float64 = { dtype: "float64" } as const;
const EXACT = { rtol: 1e-12, atol: 1e-12 };

const matrix = (values: readonly number[], shape: Shape): Tensor =>
  tensor(Float64Array.from(values), float64).reshape(shape);

/** Matrices of floats. */
const floats = (shape: Shape): fc.Arbitrary<Tensor> =>
  arbitraries.grid(shape, { min: -4, max: 4 }).map((values) => matrix(values, shape));
/** Matrices of few integers: many are singular, have zero columns or equal singular values. */
const integers = (shape: Shape): fc.Arbitrary<Tensor> =>
  arbitraries.integers(shape, -1, 1).map((values) => matrix(values, shape));

const size = fc.integer({ min: 0, max: 6 });
const square = size.chain((n) => fc.oneof(floats([n, n]), integers([n, n])));
const oblong = fc.tuple(size, size).chain((shape) => fc.oneof(floats(shape), integers(shape)));

const mT = (a: Tensor): Tensor => a.transpose(-1, -2);
const check = <T>(values: fc.Arbitrary<T>, holds: (value: T) => void, numRuns = 150): void =>
  fc.assert(
    fc.property(values, (value) => {
      holds(value);
    }),
    { numRuns },
  );

/** Whether the columns are orthonormal. */
const expectOrthonormal = (q: Tensor): void =>
  expectClose(q.matmul(q, true), eye(q.shape.at(-1)!, q.shape.at(-1)!, float64), EXACT, "QᵀQ");

const scaled = (columns: Tensor, by: Tensor): Tensor => columns.mul(by.unsqueeze(-2));
const values = (x: Tensor): number[] => [...x.dataSync()];
const ascending = (list: readonly number[]): number[] => [...list].sort((a, b) => a - b);

/** The largest element of every column is positive. */
const expectForward = (columns: Tensor): void => {
  for (const column of columns.unbind(1)) {
    const list = values(column);
    const most = Math.max(...list.map(Math.abs));
    expect(list.find((x) => Math.abs(x) > most * (1 - 1e-10))).toBeGreaterThan(0);
  }
};

describe("svd", () => {
  test("gives A = U S Vh, orthonormal vectors and descending singular values, also of deficient matrices", () => {
    check(oblong, (a) => {
      const { U, S, Vh } = linalg.svd(a, { fullMatrices: false });
      expectClose(scaled(U, S).matmul(Vh), a, EXACT, "U S Vh");
      expectOrthonormal(U);
      expectOrthonormal(mT(Vh));
      expect(values(S)).toEqual(ascending(values(S)).reverse());
      expect(values(S).every((s) => s >= 0)).toBe(true);
      if (S.numel() > 0) expectForward(mT(Vh));
    });
  });

  test("has square factors by default, which begin with the reduced ones", () => {
    check(oblong, (a) => {
      const [full, reduced] = [linalg.svd(a), linalg.svd(a, { fullMatrices: false })];
      const k = full.S.shape[0]!;
      expectOrthonormal(full.U);
      expectOrthonormal(mT(full.Vh));
      expectClose(full.U.narrow(-1, 0, k), reduced.U, 0);
      expectClose(full.Vh.narrow(-2, 0, k), reduced.Vh, 0);
      expectClose(full.S, reduced.S, 0);
      expectClose(linalg.svdvals(a), reduced.S, 0);
    });
  });

  test("finds small singular values as exactly as large ones", () => {
    const scale = [1, 1e-8, 1e-16, 1e-24];
    const turn = matrix([3, 4, 0, 0, 4, -3, 0, 0, 0, 0, 5, 12, 0, 0, 12, -5], [4, 4]).div(
      matrix([5, 5, 13, 13], [4, 1]),
    );
    const a = turn.mul(matrix(scale, [1, 4]));
    expectClose(linalg.svdvals(a), matrix(scale, [4]), { rtol: 1e-14, atol: 0 });
  });

  test.each([1e200, 1e-200])("of matrices times %d is as exact", (factor) => {
    const a = matrix([3, 0, 4, 5], [2, 2]);
    const { U, S } = linalg.svd(a.mul(factor));
    expectClose(U, linalg.svd(a).U, EXACT);
    expectClose(S.div(factor), linalg.svdvals(a), EXACT);
  });

  test("of large matrices is as exact", () => {
    const a = matrix(
      Array.from({ length: 40 * 30 }, (_, i) => Math.sin(i * i)),
      [40, 30],
    );
    const { U, S, Vh } = linalg.svd(a, { fullMatrices: false });
    expectClose(scaled(U, S).matmul(Vh), a, EXACT);
    expectOrthonormal(U);
  });
});

describe("eigh", () => {
  test("gives A V = V diag(λ), orthonormal vectors and ascending eigenvalues", () => {
    check(square, (a) => {
      const symmetric = a.add(mT(a));
      const { eigenvalues, eigenvectors: V } = linalg.eigh(symmetric);
      expectClose(symmetric.matmul(V), scaled(V, eigenvalues), { rtol: 1e-12, atol: 1e-11 });
      expectOrthonormal(V);
      expect(values(eigenvalues)).toEqual(ascending(values(eigenvalues)));
      expectClose(linalg.eigvalsh(symmetric), eigenvalues, 0);
      if (a.numel() > 0) expectForward(V);
    });
  });

  test("reads one triangle", () => {
    const a = matrix([2, 9, 1, 3], [2, 2]);
    expectClose(linalg.eigvalsh(a), linalg.eigvalsh(matrix([2, 1, 1, 3], [2, 2])), 0);
    expectClose(linalg.eigvalsh(a, { UPLO: "U" }), linalg.eigvalsh(matrix([2, 9, 9, 3], [2, 2])), 0);
  });
});

describe("qr", () => {
  test.each(["reduced", "complete"] as const)("gives A = Q R with orthonormal Q and triangular R, %s", (mode) => {
    check(oblong, (a) => {
      const { Q, R } = linalg.qr(a, { mode });
      const [m, n] = a.shape as [number, number];
      const k = mode === "complete" ? m : Math.min(m, n);
      expect([Q.shape, R.shape]).toEqual([
        [m, k],
        [k, n],
      ]);
      expectClose(Q.matmul(R), a, EXACT, "Q R");
      expectOrthonormal(Q);
      expect(values(R).every((x, i) => i % n >= Math.floor(i / n) || x === 0)).toBe(true);
    });
  });

  test('mode "r" gives R alone', () => {
    const a = ones([3, 2], float64);
    const { Q, R } = linalg.qr(a, { mode: "r" });
    expect(Q.shape).toEqual([0]);
    expectClose(R, linalg.qr(a).R, 0);
  });
});

describe("cholesky", () => {
  test("gives A = L Lᵀ = Uᵀ U", () => {
    check(square, (a) => {
      const positive = a.matmul(mT(a)).add(eye(a.shape[0]!, a.shape[0]!, float64));
      const [L, U] = [linalg.cholesky(positive), linalg.cholesky(positive, { upper: true })];
      expectClose(L.matmul(mT(L)), positive, EXACT);
      expectClose(mT(U), L, EXACT);
    });
  });
});

/** The determinant by Laplace's expansion along the first row. Exact for integers. */
function laplace(a: readonly (readonly number[])[]): number {
  if (a.length === 0) return 1;
  return a[0]!.reduce((sum, x, j) => sum + (j % 2 === 0 ? x : -x) * laplace(minor(a, 0, j)), 0);
}
const minor = (a: readonly (readonly number[])[], i: number, j: number): number[][] =>
  a.filter((_, k) => k !== i).map((row) => row.filter((_, k) => k !== j));

describe("det", () => {
  test("and its gradient are those of Laplace, of singular matrices too", () => {
    const small = fc.integer({ min: 1, max: 4 }).chain((n) => integers([n, n]));
    check(small, (a) => {
      a.requiresGrad = true;
      const rows = a.toArray() as number[][];
      const det = linalg.det(a);
      expect(det.item()).toBeCloseTo(laplace(rows), 12);
      const cofactors = rows.flatMap((row, i) => row.map((_, j) => (-1) ** (i + j) * laplace(minor(rows, i, j))));
      expectClose(grad(det, a), matrix(cofactors, a.shape), EXACT);
    });
  });

  test("slogdet is its sign and logarithm where it overflows", () => {
    const { sign, logabsdet } = linalg.slogdet(eye(4, 4, float64).mul(matrix([-1e200, 1e200, 1e200, 1e200], [4])));
    expect(sign.item()).toBe(-1);
    expect(logabsdet.item()).toBeCloseTo(4 * Math.log(1e200), 9);
  });

  test.each([
    [[2, 0, 0, 3], Math.log(6)],
    [[0, 1, 1, 0], Number.NaN],
    [[1, 2, 2, 4], Number.NEGATIVE_INFINITY],
  ])("logdet of %j is %d", (list, wanted) => {
    expectClose(linalg.logdet(matrix(list, [2, 2])), matrix([wanted], []), EXACT);
  });
});

describe("solve and inv", () => {
  const regular = size.chain((n) => floats([n, n]).map((a) => a.add(eye(n, n, float64).mul(40))));

  test("undo a product, from the left and from the right", () => {
    check(
      regular.chain((a) => fc.tuple(fc.constant(a), floats([a.shape[0]!, 3]))),
      ([a, x]) => {
        expectClose(linalg.solve(a, a.matmul(x)), x, EXACT);
        expectClose(linalg.solve(a, mT(x).matmul(a), { left: false }), mT(x), EXACT);
        expectClose(linalg.inv(a).matmul(a), eye(a.shape[0]!, a.shape[0]!, float64), EXACT);
      },
    );
  });

  test("pivot where the diagonal is zero", () => {
    const a = matrix([0, 2, 1, 1, 0, 0, 0, 3, 0], [3, 3]);
    expectClose(linalg.inv(a).matmul(a), eye(3, 3, float64), EXACT);
  });

  test("are computed in doubles and rounded once", () => {
    check(regular, (a) => {
      const narrow = a.to("float32");
      expectClose(linalg.inv(narrow), linalg.inv(narrow.to("float64")).to("float32"), 0);
    });
  });

  test("take vectors, and stacks that broadcast", () => {
    const a = stack([eye(2, 2, float64), eye(2, 2, float64).mul(2)]);
    expect(linalg.solve(a, ones([2], float64)).toArray()).toEqual([
      [1, 1],
      [0.5, 0.5],
    ]);
    expect(linalg.solve(a, ones([2, 2], float64)).shape).toEqual([2, 2]);
    expect(linalg.solve(a, ones([3, 1, 2, 5], float64)).shape).toEqual([3, 2, 2, 5]);
    expect(linalg.solve(ones([1, 1, 1], float64), ones([1], float64)).shape).toEqual([1, 1]);
  });
});

describe("pinv", () => {
  test("is what Penrose's four conditions say, also of deficient matrices", () => {
    check(oblong, (a) => {
      const p = linalg.pinv(a);
      const [ap, pa] = [a.matmul(p), p.matmul(a)];
      const loose = { rtol: 1e-9, atol: 1e-9 };
      expectClose(ap.matmul(a), a, loose);
      expectClose(pa.matmul(p), p, loose);
      expectClose(mT(ap), ap, loose);
      expectClose(mT(pa), pa, loose);
    });
  });

  test.each([
    [{}, [1, 4, 0]],
    [{ rtol: 0.5 }, [1, 0, 0]],
    [{ atol: 0.5 }, [1, 0, 0]],
    [{ atol: 1e-20 }, [1, 4, 1e17]],
  ])("with %j takes the inverses of singular values to be %j", (options, inverses) => {
    const diagonal = eye(3, 3, float64).mul(matrix([1, 0.25, 1e-17], [3]));
    expectClose(linalg.pinv(diagonal, options), eye(3, 3, float64).mul(matrix(inverses, [3])), EXACT);
  });

  test("lstsq gives the smallest of the nearest, and their distances", () => {
    const a = matrix([1, 0, 0, 2, 0, 0], [3, 2]);
    const { solution, residuals } = linalg.lstsq(a, matrix([3, 4, 5], [3]));
    expect(solution.toArray()).toEqual([3, 2]);
    expect(residuals.toArray()).toBe(25);
    const { solution: least } = linalg.lstsq(matrix([1, 1], [1, 2]), matrix([4], [1]));
    expectClose(least, matrix([2, 2], [2]), EXACT);
  });

  test.each([
    [{}, 2],
    [{ atol: 0.5 }, 1],
    [{ rtol: 0.5 }, 1],
    [{ atol: 0, rtol: 0 }, 3],
    [{ atol: 1e-20 }, 3],
  ])("matrixRank with %j counts %d", (options, rank) => {
    const diagonal = eye(3, 3, float64).mul(matrix([1, 0.25, 1e-17], [3]));
    expect(linalg.matrixRank(diagonal, options).item()).toBe(rank);
  });
});

describe("powers and exponentials", () => {
  test("matrixPower is a product repeated", () => {
    check(fc.tuple(square, fc.integer({ min: 0, max: 9 })), ([a, n]) => {
      let product = eye(a.shape[0]!, a.shape[0]!, float64);
      for (let i = 0; i < n; i++) product = product.matmul(a);
      expectClose(linalg.matrixPower(a, n), product, EXACT);
    });
  });

  test("matrixExp turns by an angle", () => {
    for (const angle of [0, 0.5, 3, 30]) {
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      expectClose(linalg.matrixExp(matrix([0, angle, -angle, 0], [2, 2])), matrix([c, s, -s, c], [2, 2]), {
        rtol: 0,
        atol: 1e-13 * Math.max(1, angle),
      });
    }
  });

  test("matrixExp(A) matrixExp(−A) = 1", () => {
    check(square, (a) => {
      const small = a.mul(0.25);
      expectClose(
        linalg.matrixExp(small).matmul(linalg.matrixExp(small.neg())),
        eye(a.shape[0]!, a.shape[0]!, float64),
        { rtol: 1e-9, atol: 1e-9 },
      );
    });
  });
});

describe("multiDot", () => {
  test("multiplies in the cheapest order", () => {
    const shapes: Shape[] = [];
    const inner = cpu();
    const backend: typeof inner = {
      ...inner,
      matmul: (a, b, transposeA, transposeB, out) => {
        shapes.push(out.shape);
        return inner.matmul(a, b, transposeA, transposeB, out);
      },
    };
    // Cormen et al., section 15.2: ((A1 (A2 A3)) ((A4 A5) A6)).
    const sizes = [30, 35, 15, 5, 10, 20, 25];
    linalg.multiDot(sizes.slice(1).map((n, i) => ones([sizes[i]!, n], { backend })));
    expect(shapes).toEqual([
      [35, 5],
      [30, 5],
      [5, 20],
      [5, 25],
      [30, 25],
    ]);
  });
});

describe("norms", () => {
  test("have gradient 0 where they are 0", () => {
    for (const ord of [2, 1, 3, 1.5, 0.5]) {
      const x = matrix([0, 0], [2]);
      x.requiresGrad = true;
      expect(values(grad(linalg.vectorNorm(x, { ord }), x))).toEqual([0, 0]);
    }
  });

  test("of a negative order are 0 where an element is, and so is their gradient", () => {
    const x = matrix([0, 2], [2]);
    x.requiresGrad = true;
    const norm = linalg.vectorNorm(x, { ord: -1 });
    expect(norm.item()).toBe(0);
    expect(values(grad(norm, x))).toEqual([0, 0]);
  });

  test("cond of a singular matrix is infinite", () => {
    expect(linalg.cond(ones([2, 2], float64), { p: 1 }).item()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("memory", () => {
  const CALLS: Record<string, (a: Tensor) => Tensor> = {
    einsum: (a) => einsum("ij,jk,kl->il", a, a, a),
    tensordot: (a) => tensordot(a, a),
    kron: (a) => kron(a, a),
    cross: (a) => cross(a, a),
    addmm: (a) => addmm(a, a, a, { beta: 2, alpha: 3 }),
    cdist: (a) => cdist(a, a),
    solve: (a) => linalg.solve(a, a, { left: false }),
    svdvals: linalg.svdvals,
    eigvalsh: (a) => linalg.eigvalsh(a, { UPLO: "U" }),
    cholesky: (a) => linalg.cholesky(a, { upper: true }),
    logdet: linalg.logdet,
    matrixPower: (a) => linalg.matrixPower(a, 5),
    matrixRank: linalg.matrixRank,
    nuclear: (a) => linalg.matrixNorm(a, { ord: "nuc", dim: [1, 0] }),
    cond: (a) => linalg.cond(a, { p: 1 }),
    multiDot: (a) => linalg.multiDot([a, a, a]),
  };

  test.each(Object.entries(CALLS))("%s leaves its result and nothing else", (_, call) => {
    const backend = countingBackend();
    withBackend(backend, () => {
      const a = eye(3).add(0.25);
      const before = backend.liveBytes;
      const y = call(a);
      expect(backend.liveBytes - before).toBe(y.numel() * 4);
    });
  });
});
