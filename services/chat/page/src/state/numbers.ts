/**
 * A count as people write it. Small ones need no grouping, and the first use of the browser's
 * formats of numbers takes it up to 100 ms.
 */
export const inDigits = (count: number): string => (count < 1000 ? String(count) : count.toLocaleString());
