// How numbers, times and days are written. The browser has formats for each language, but
// this page is in English, and their first use takes it 100 ms.

/** 1234 as 1,234. */
export const inDigits = (count: number): string => String(count).replace(/\B(?=(?:\d{3})+$)/g, ",");

const two = (n: number): string => String(n).padStart(2, "0");

/** 15:04, where the browser is. */
export const hourAndMinute = (time: Date): string => `${two(time.getHours())}:${two(time.getMinutes())}`;

/** 15:04:05, where the browser is. */
export const timeOfDay = (time: Date): string => `${hourAndMinute(time)}:${two(time.getSeconds())}`;

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** 2 Jan. */
export const day = (time: Date): string => `${time.getDate()} ${months[time.getMonth()] ?? ""}`;
