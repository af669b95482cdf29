/** Row algebra: a block carries two plain object types, what it reads and what it writes. */
export {};
