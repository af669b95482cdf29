/** Row algebra: a block carries two plain object types, what it reads and what it writes. */

/** The same properties, written out. */
export type Flat<A> = { readonly [K in keyof A]: A[K] } & {}
/** the keys that are surely there */
export type RequiredKeys<A> = [A] extends [Required<A>]
  ? keyof A
  : keyof { [K in keyof A as {} extends Pick<A, K> ? never : K]: 0 }
/** the keys that are perhaps there */
export type OptionalKeys<A> = Exclude<keyof A, RequiredKeys<A>>
/** the keys of all members of a union */
export type KeysOf<A> = A extends unknown ? keyof A : never
