/** MT19937 (Matsumoto, Nishimura 1998) read from any position: the words follow from (seed, position) alone. */

const length = 624
const middle = 397

/** The state words of one block of 624 draws. Never written to once it is shared. */
export interface Block {
  readonly number: number
  readonly words: Uint32Array
}

const initial = (seed: number): Uint32Array => {
  const words = new Uint32Array(length)
  words[0] = seed
  for (let i = 1; i < length; i++) {
    words[i] = Math.imul(1812433253, words[i - 1]! ^ (words[i - 1]! >>> 30)) + i
  }
  return words
}

const mix = (words: Uint32Array, at: number, next: number, far: number): void => {
  const y = (words[at]! & 0x80000000) | (words[next]! & 0x7fffffff)
  words[at] = words[far]! ^ (y >>> 1) ^ (-(y & 1) & 0x9908b0df)
}

const twist = (words: Uint32Array): void => {
  let k = 0
  for (; k < length - middle; k++) mix(words, k, k + 1, k + middle)
  for (; k < length - 1; k++) mix(words, k, k + 1, k + middle - length)
  mix(words, length - 1, 0, middle - 1)
}

const temper = (word: number): number => {
  let y = word
  y ^= y >>> 11
  y ^= (y << 7) & 0x9d2c5680
  y ^= (y << 15) & 0xefc60000
  return (y ^ (y >>> 18)) >>> 0
}

/** A private, mutable reader of the words from a position on. */
export class Reader {
  drawn: number
  private words: Uint32Array
  private number: number
  private own: boolean

  constructor(seed: number, drawn: number, known: Block | undefined) {
    this.drawn = drawn
    this.words = known === undefined ? initial(seed) : known.words
    this.number = known === undefined ? -1 : known.number
    this.own = known === undefined
  }

  private advance(): void {
    const block = Math.floor(this.drawn / length)
    if (this.number === block) return
    if (!this.own) {
      this.words = this.words.slice()
      this.own = true
    }
    for (; this.number < block; this.number++) twist(this.words)
  }

  next(): number {
    this.advance()
    return temper(this.words[this.drawn++ % length]!)
  }

  /** as torch composes a 64-bit draw: the first word is the high one */
  next64(): bigint {
    const high = this.next()
    return (BigInt(high) << 32n) | BigInt(this.next())
  }

  /** uniform in [0, 1) of 53 bits */
  uniform53(): number {
    const high = this.next()
    return ((high & 0x1fffff) * 2 ** 32 + this.next()) * 2 ** -53
  }

  /** uniforms in [0, 1) of that many bits (at most 31) into out[from, to) */
  uniforms(out: Float32Array | Float64Array, from: number, to: number, bits: number): void {
    const mask = 2 ** bits - 1
    const scale = 2 ** -bits
    for (let i = from; i < to;) {
      this.advance()
      let at = this.drawn % length
      const count = Math.min(length - at, to - i)
      for (let k = 0; k < count; k++) out[i++] = (temper(this.words[at++]!) & mask) * scale
      this.drawn += count
    }
  }

  /** the block it stands in, to go on from without drawing again; `undefined` before the first draw */
  block(): Block | undefined {
    this.own = false
    return this.number < 0 ? undefined : { number: this.number, words: this.words }
  }
}
