/** Values of the random compositions: made from a hash, hashed again, and shown so that every bit counts. */

const f64 = new Float64Array(1)
const u32 = new Uint32Array(f64.buffer)
export const mix = (hash: number, n: number): number => {
  const h = Math.imul(hash ^ n, 2654435761)
  return (h ^ (h >>> 15)) >>> 0
}
export const hash = (value: unknown): number => {
  if (value === undefined) return 17
  if (typeof value === "number") {
    f64[0] = Number.isNaN(value) ? Number.NaN : value
    return mix(mix(3, u32[0]!), u32[1]!)
  }
  if (typeof value === "bigint") return mix(5, Number(value))
  if (value instanceof Date) return mix(7, value.getTime())
  if (value instanceof Float32Array) return [...new Uint32Array(value.slice().buffer)].reduce(mix, 11)
  return Object.entries(value as object)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .reduce((h, [key, x]) => mix(mix(h, key.charCodeAt(0)), hash(x)), 13)
}
const number = (h: number): number => [-0, Number.NaN, h % 10, h / 3, -(h % 5), Number.POSITIVE_INFINITY, 0, 1][h % 8]!

/** `u` has four kinds: two records of which one has all the keys of the other, a date, a bigint. */
export const value = (name: string, schema: number, h: number): unknown => {
  if (name === "a") {
    return new Float32Array(new Uint32Array([h, 0x7fc00000 | (h & 0xffff), 0x80000000]).buffer) // payload of a NaN, -0
  }
  if (name !== "u") return number(h)
  switch (schema % 4) {
    case 0:
      return { a: number(h) }
    case 1:
      return { a: number(h), b: h % 7 }
    case 2:
      return new Date(h)
    default:
      return BigInt(h)
  }
}
export const defaultValue = 4.25

/** A form in which values that differ in any bit differ. */
export const show = (v: unknown): unknown => {
  if (v instanceof Float32Array) return `f32:${[...new Uint8Array(v.buffer, v.byteOffset, v.byteLength)].join()}`
  if (typeof v === "number") return Object.is(v, -0) ? "-0" : `${v}`
  if (typeof v === "bigint") return `${v}n`
  if (v instanceof Date) return `date:${v.getTime()}`
  if (Array.isArray(v)) return v.map(show)
  if (v !== null && typeof v === "object") {
    return Object.fromEntries(
      Object.entries(v)
        .filter(([, x]) => x !== undefined)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, x]) => [key, show(x)])
    )
  }
  return v
}
