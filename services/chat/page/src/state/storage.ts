// What the browser keeps. Where it may keep nothing, the page works and forgets.

function safely<T>(use: () => T, otherwise: T): T {
  try {
    return use();
  } catch {
    return otherwise;
  }
}

const prefix = "daca.";

export const load = (key: string): string => safely(() => localStorage.getItem(prefix + key) ?? "", "");

/** Keeps a text for all tabs; an empty one is removed. */
export const save = (key: string, value: string): void =>
  safely(() => (value ? localStorage.setItem(prefix + key, value) : localStorage.removeItem(prefix + key)), undefined);

/** The same for this tab alone. */
export const loadHere = (key: string): string => safely(() => sessionStorage.getItem(prefix + key) ?? "", "");

export const saveHere = (key: string, value: string): void =>
  safely(() => (value ? sessionStorage.setItem(prefix + key, value) : sessionStorage.removeItem(prefix + key)), undefined);

/** Calls back when another tab changes what is kept under a key. */
export function onChange(changed: (key: string, value: string) => void): void {
  addEventListener("storage", ({ key, newValue }) => {
    if (key?.startsWith(prefix)) changed(key.slice(prefix.length), newValue ?? "");
  });
}
