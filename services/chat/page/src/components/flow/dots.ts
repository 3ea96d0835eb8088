// The dots that travel along the path, one for each event. Events pass in a few milliseconds,
// so a dot takes its time to be seen, and is where its event has been a moment ago.
import type { Passing } from "../../api/flow";
import { reach } from "../../state/hops";

const hop = 340; // ms from place to place
const glow = 700; // ms that a place is lit after a dot has come
const atMost = 24; // dots; further events light the places up
const waitsFor = 60_000; // ms that a dot waits for news of its event
const onDisk = 1.5; // between chat and the broker

interface Dot {
  element: HTMLElement | null;
  at: number;
  to: number;
  /** Whether nothing more is to come. */
  done: boolean;
  heard: number;
}

export class Dots {
  private readonly dots = new Map<string, Dot>();
  private readonly lit: number[] = []; // until when each place is
  private readonly tiles: HTMLElement[];
  private readonly still = matchMedia("(prefers-reduced-motion: reduce)");
  private frame = 0;
  private timer = 0;
  private last = 0;

  /** The dots are put into layer; the places are the items of the list beside it. */
  constructor(private readonly layer: HTMLElement) {
    this.tiles = [...(layer.parentElement?.querySelectorAll<HTMLElement>("li") ?? [])];
  }

  /** Takes what is known of an event. One that is not live moves only once there is news. */
  take(event: Passing, live: boolean): void {
    const to = event.stage === "spooled" ? onDisk : reach(event);
    const done = !/answering|published|spooled/.test(event.stage);
    let dot = this.dots.get(event.key);
    if (!dot) {
      if (!live && (done || event.stage === "published")) return;
      const at = !live ? to : event.received_at ? 0 : 1;
      dot = { element: this.dots.size < atMost && !this.still.matches ? this.make() : null, at, to, done, heard: 0 };
      this.dots.set(event.key, dot);
      if (dot.element) this.place(dot);
    }
    dot.to = Math.max(to, dot.at);
    dot.done = done;
    dot.heard = performance.now();
    if (dot.element) dot.element.className = `rider ${event.stage === "spooled" ? "late" : dot.done && to < 4 && event.stage !== "duplicate" ? "bad" : ""}`;
    this.wake();
  }

  end(): void {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.timer);
    for (const dot of this.dots.values()) dot.element?.remove();
    this.dots.clear();
  }

  private make(): HTMLElement {
    const element = document.createElement("div");
    element.append(document.createElement("i"));
    this.layer.append(element);
    return element;
  }

  private wake(): void {
    clearTimeout(this.timer);
    if (this.frame) return;
    this.last = performance.now();
    this.frame = requestAnimationFrame(this.step);
  }

  private readonly step = (now: number): void => {
    const by = Math.min(64, Math.max(0, now - this.last)) / hop;
    this.last = now;
    this.frame = 0;
    let moving = false;
    for (const [key, dot] of this.dots) {
      const from = dot.at;
      dot.at = dot.element ? Math.min(dot.to, dot.at + by) : dot.to;
      for (let n = Math.ceil(from); n <= dot.at; n++) this.lit[n] = now + (dot.element ? glow : 2 * glow);
      const arrived = dot.at === dot.to;
      if (dot.element && from !== dot.at) this.place(dot);
      if (arrived && (dot.done || now - dot.heard > waitsFor)) {
        dot.element?.remove();
        this.dots.delete(key);
      } else if (arrived) {
        this.lit[Math.floor(dot.at)] = now + glow; // it is in there
      } else {
        moving = true;
      }
    }
    this.light(now);
    if (moving) this.frame = requestAnimationFrame(this.step);
    else if (this.dots.size || this.lit.some((until) => until > now)) this.timer = setTimeout(() => this.wake(), glow / 4);
  };

  private place(dot: Dot): void {
    dot.element!.style.transform = `translateX(${dot.at * 25}%)`;
  }

  private light(now: number): void {
    this.tiles.forEach((tile, n) => {
      const is = (this.lit[n] ?? 0) > now;
      if (("lit" in tile.dataset) === is) return;
      if (is) tile.dataset["lit"] = "";
      else delete tile.dataset["lit"];
    });
  }
}
