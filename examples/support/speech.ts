/** A voice made of nothing: pulses through the formants of four vowels, one a quarter second; noise beside it. */
export const sampleRate = 16_000

const vowels = [
  [730, 1090, 2440],
  [270, 2290, 3010],
  [300, 870, 2240],
  [530, 1840, 2480]
] as const

/** Speaks in the given stretches of seconds, hisses in others, and is quiet else. */
export const synthesise = (
  seconds: number,
  speech: ReadonlyArray<readonly [from: number, to: number]>,
  hiss: ReadonlyArray<readonly [from: number, to: number]>
): Float32Array => {
  const within = (t: number, stretches: typeof speech) => stretches.some(([from, to]) => t >= from && t < to)
  const out = new Float32Array(seconds * sampleRate)
  const resonators = [0, 1, 2].map(() => ({ last: 0, before: 0 }))
  let phase = 0
  let seed = 1
  for (let n = 0; n < out.length; n++) {
    const t = n / sampleRate
    phase += (120 * (1 + 0.15 * Math.sin(4.4 * t))) / sampleRate
    const pulse = phase >= 1 && within(t, speech) ? Math.sqrt(Math.sin(Math.PI * ((t * 4) % 1))) : 0
    phase %= 1
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    out[n] = (seed / 2 ** 32 - 0.5) * (within(t, hiss) ? 0.2 : 0.003)
    resonators.forEach((resonator, formant) => {
      const radius = Math.exp((-Math.PI * (80 + 40 * formant)) / sampleRate)
      const angle = (2 * Math.PI * vowels[Math.floor(t * 4) % 4]![formant]!) / sampleRate
      const value = pulse + 2 * radius * Math.cos(angle) * resonator.last - radius * radius * resonator.before
      resonator.before = resonator.last
      resonator.last = value
      out[n]! += value * (1 - radius) * [3, 1.8, 0.9][formant]!
    })
  }
  return out
}
