// The icons, drawn with strokes in the colour of the text around them.
const paths = {
  menu: "M3 5h14M3 10h14M3 15h14",
  plus: "M10 4v12M4 10h12",
  search: "M9 3.500a5.5 5.5 0 1 0 0 11a5.5 5.5 0 0 0 0-11zM13 13l4 4",
  edit: "M4 16l.8-3.200L13 4.600a1.4 1.4 0 0 1 2 0l.4.4a1.4 1.4 0 0 1 0 2L7.2 15.200z",
  remove: "M4 6h12M8 6V4h4v2M6 6l.7 10h6.600L14 6",
  copy: "M7 7V4h9v9h-3M4 7h9v9H4z",
  check: "M4 10.500l4 4L16 6",
  again: "M16 10a6 6 0 1 1-1.8-4.300M16.5 3v3.500H13",
  send: "M10 16V4.500M5 9l5-5l5 5",
  down: "M10 4v11.500M5 11l5 5l5-5",
  chevron: "M7.5 5l5 5l-5 5",
  tool: "M12.5 3.500a4 4 0 0 0-4.7 5.200L3.5 13a1.8 1.8 0 0 0 0 2.500l1 1a1.8 1.8 0 0 0 2.5 0l4.3-4.300a4 4 0 0 0 5.2-4.700l-2.5 2.500l-2.8-.7l-.7-2.800z",
  close: "M5 5l10 10M15 5L5 15",
  keyboard: "M2.5 5.500h15v9h-15zM5.5 8.500h.01M8.5 8.500h.01M11.5 8.500h.01M14.5 8.500h.01M6.5 11.500h7",
  browser: "M2.5 4.500h15v11h-15zM2.5 8h15M5 6.250h.01M7 6.250h.01",
  chat: "M3.5 4h13v9.500h-7L6 16.500v-3H3.500z",
  broker: "M2.5 6c2.5-2 5 2 7.500 0s5 2 7.500 0M2.5 10.300c2.5-2 5 2 7.500 0s5 2 7.500 0M2.500 14.600c2.500-2 5 2 7.500 0s5 2 7.500 0",
  analytics: "M15 6.500V4H5l5.500 6L5 16h10v-2.500",
  store: "M4 5.500a6 2.300 0 1 0 12 0a6 2.300 0 1 0-12 0v9c0 1.300 2.700 2.300 6 2.300s6-1 6-2.300v-9M4 10c0 1.300 2.700 2.300 6 2.300s6-1 6-2.300",
  wrong: "M10 3.500l7 12.500H3zM10 8.500v3.500M10 14h.01",
} as const;

export type IconName = keyof typeof paths | "stop";

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      {name === "stop" ? <rect x="5" y="5" width="10" height="10" rx="2" fill="currentColor" /> : <path d={paths[name]} />}
    </svg>
  );
}
