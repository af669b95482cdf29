/** QUADPACK's 21-point Gauss-Kronrod rule: what `scipy.integrate.quad` needs for smooth integrands, one interval. */

const nodes = [
  0.9956571630258081, 0.9739065285171717, 0.9301574913557082, 0.8650633666889845, 0.7808177265864169,
  0.6794095682990244, 0.5627571346686047, 0.4333953941292472, 0.2943928627014602, 0.1488743389816312
]

const weights = [
  0.011694638867371874, 0.032558162307964725, 0.054755896574351995, 0.07503967481091996, 0.0931254545836976,
  0.10938715880229764, 0.12349197626206584, 0.13470921731147334, 0.14277593857706009, 0.1477391049013385
]

/** QUADPACK adds the Gauss points first, then those that Kronrod put between them: the order decides the last bits. */
const inOrder = [1, 3, 5, 7, 9, 0, 2, 4, 6, 8]

export const integrate = (integrand: (x: number) => number, from: number, to: number): number => {
  const middle = 0.5 * (from + to)
  const half = 0.5 * (to - from)
  let sum = 0.1494455540029169 * integrand(middle)
  for (const k of inOrder) {
    const reach = half * nodes[k]!
    sum += weights[k]! * (integrand(middle - reach) + integrand(middle + reach))
  }
  return sum * half
}
