// Keeps the end of a growing conversation in sight, unless the user has scrolled away from it.

export interface EndFollower {
  toEnd: () => void;
  end: () => void;
}

const near = 48; // px from the end that still count as the end

export function followEnd(scroller: HTMLElement, onAway: (away: boolean) => void): EndFollower {
  let following = true;
  let last = 0;
  const distance = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
  const toEnd = () => {
    following = true;
    if (!scroller.querySelector(".turns")) return; // an empty chat is read from its top
    scroller.scrollTop = scroller.scrollHeight;
    onAway(false);
  };
  const onScroll = () => {
    const up = scroller.scrollTop < last;
    last = scroller.scrollTop;
    if (distance() <= near) following = true;
    else if (up) following = false;
    onAway(!following);
  };
  const grown = new ResizeObserver(() => following && toEnd());
  scroller.addEventListener("scroll", onScroll, { passive: true });
  grown.observe(scroller);
  if (scroller.firstElementChild) grown.observe(scroller.firstElementChild);
  return {
    toEnd,
    end: () => {
      grown.disconnect();
      scroller.removeEventListener("scroll", onScroll);
    },
  };
}
