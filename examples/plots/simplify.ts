type Point = readonly [x: number, y: number];

/** What a line may be off, in pixels. */
const TOLERANCE = 0.35;

/** A path of straight lines with the points left out that nobody sees. */
export const simplified = (path: string): string =>
  path.replaceAll(/M[^MA-KN-Z]*/g, (line) => {
    const points = [...line.matchAll(/(-?[\d.e-]+),(-?[\d.e-]+)/g)].map(([, x, y]): Point => [Number(x), Number(y)]);
    if (points.length < 3 || points.some((point) => !point.every(Number.isFinite))) return line;
    const most = furthest(points, 0, points.length); // a ring has no end to begin with
    const kept = [points[0]!, ...between(points, 0, most), points[most]!, ...between(points, most, points.length - 1)];
    if (most !== points.length - 1) kept.push(points.at(-1)!);
    return `M${kept.map((point) => point.map((c) => c.toFixed(1)).join(",")).join("L")}`;
  });

/** The points between two that a line through what is left does not do without (Ramer 1972; Douglas & Peucker 1973). */
function between(points: readonly Point[], from: number, to: number): Point[] {
  let [worst, error] = [-1, TOLERANCE];
  const [a, b] = [points[from]!, points[to]!];
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length = Math.hypot(dx, dy);
  for (let i = from + 1; i < to; i++) {
    const [x, y] = [points[i]![0] - a[0], points[i]![1] - a[1]];
    const distance = length === 0 ? Math.hypot(x, y) : Math.abs(dx * y - dy * x) / length;
    if (distance > error) [worst, error] = [i, distance];
  }
  return worst < 0 ? [] : [...between(points, from, worst), points[worst]!, ...between(points, worst, to)];
}

/** Which point is furthest from point `from`. */
function furthest(points: readonly Point[], from: number, end: number): number {
  const [x, y] = points[from]!;
  let [best, most] = [from, 0];
  for (let i = 0; i < end; i++) {
    const distance = Math.hypot(points[i]![0] - x, points[i]![1] - y);
    if (distance > most) [best, most] = [i, distance];
  }
  return best;
}
