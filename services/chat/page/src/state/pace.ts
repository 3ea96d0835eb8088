// Draws what streams in once a frame, or less often if drawing takes long: the page stays
// smooth however fast the text comes and however long it is.

const share = 4; // of the time, drawing may take one part in so many
const hiddenPause = 250; // ms; a page that nobody sees has no frames

let next = 0; // when the next drawing may begin

/** Calls draw in a frame to come. */
export function soon(draw: () => void): void {
  if (document.visibilityState !== "visible") {
    setTimeout(draw, hiddenPause);
    return;
  }
  requestAnimationFrame((now) => {
    if (now < next) {
      soon(draw);
      return;
    }
    const began = performance.now();
    draw();
    afterPaint(() => (next = began + share * (performance.now() - began)));
  });
}

function afterPaint(call: () => void): void {
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    channel.port1.close();
    call();
  };
  channel.port2.postMessage(null);
}
