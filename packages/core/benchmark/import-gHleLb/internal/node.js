export const compiled = (block) => block;
