// What the page may cost. The figures are those of a machine that does much else.
import assert from "node:assert/strict";
import { eventually, pageTest } from "./setup.js";

const report = (what, figures) => console.log(`    ${what}: ${JSON.stringify(figures)}`);

pageTest("the first visit is painted and usable soon", async ({ mock, visit }) => {
  // A page of one word tells what the browser itself needs on this machine.
  const best = async (path, measure) => {
    const all = [];
    for (let i = 0; i < 4; i++) all.push(await visit(path, measure));
    return all.sort((a, b) => a.painted - b.painted)[0]; // the others met a busier machine
  };
  const blank = await best("blank", painted);
  const figures = await best("", measure);
  report("first visit, in ms and kB", { ...figures, blank: blank.painted });
  const most = Math.max(300, 5 * blank.painted); // where a word takes 60 ms, little else is running
  assert.ok(figures.painted < most && figures.usable < most, `it is painted and usable within ${most} ms`);
  assert.ok(figures.kB > 10 && figures.kB < 80, "it transfers less than 80 kB");
  assert.ok(mock.requests.length > 0);
});

async function painted(page) {
  await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint")[0]);
  return page.evaluate(() => ({ painted: Math.round(performance.getEntriesByName("first-contentful-paint")[0].startTime) }));
}

async function measure(page) {
  await page.waitForFunction(() => document.activeElement?.id === "message" && performance.getEntriesByName("first-contentful-paint")[0]);
  return page.evaluate(() => {
    const [navigation] = performance.getEntriesByType("navigation");
    const resources = performance.getEntriesByType("resource");
    return {
      painted: Math.round(performance.getEntriesByName("first-contentful-paint")[0].startTime),
      usable: Math.round(navigation.loadEventEnd), // the script has run, and the field has the focus
      kB: Math.round(resources.reduce((sum, r) => sum + r.transferSize, navigation.transferSize) / 100) / 10,
    };
  });
}

for (const kind of ["words", "paragraph"]) {
  pageTest(`10,000 tokens keep the page smooth: ${kind}`, async ({ page, send, answers }) => {
    await page.evaluate(() => {
      window.frames_ = [];
      let last = performance.now();
      const frame = (now) => {
        window.frames_.push(now - last);
        last = now;
        requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    });
    await send(`${kind} 10000`);
    await answers.getByText("word9999").waitFor();
    await page.getByRole("button", { name: "Copy the answer" }).waitFor();
    const frames = (await page.evaluate(() => window.frames_)).sort((a, b) => a - b);
    const at = (share) => Math.round(frames[Math.floor(frames.length * share)]);
    const figures = { frames: frames.length, median: at(0.5), p95: at(0.95), longest: Math.round(frames.at(-1)) };
    report(`${kind}, ms a frame`, figures);
    assert.ok(figures.median <= 20, "most frames are on time");
    assert.ok(figures.p95 <= 70, "hardly any frame is late");
  });
}

pageTest("memory stays flat over 1,000 messages", async ({ page, context, mock, send, answers }) => {
  const devtools = await context.newCDPSession(page);
  const used = async () => {
    await devtools.send("HeapProfiler.collectGarbage");
    const { usedSize } = await devtools.send("Runtime.getHeapUsage");
    const { nodes } = await devtools.send("Memory.getDOMCounters");
    return { MB: Math.round(usedSize / 1e5) / 10, nodes };
  };
  const talk = async (n) => {
    for (let i = 0; i < n; i++) {
      await page.evaluate(() => document.getElementById("message").focus());
      await send(`Message ${i}`);
      await page.getByRole("button", { name: "Send" }).waitFor();
    }
  };
  mock.seed("alice", "s", "Long", Array.from({ length: 400 }, (_, n) => [`Question ${n}`, `Answer **${n}**`]));
  await page.goto(mock.url + "#/c/s");
  await page.reload();
  await eventually(() => answers.count(), 50);
  await talk(20);
  const before = await used();
  mock.seed("alice", "s", "Long", Array.from({ length: 1400 }, (_, n) => [`Question ${n}`, `Answer **${n}**`]));
  await page.reload();
  await eventually(() => answers.count(), 50);
  await talk(20);
  const after = await used();
  report("memory after 400 and 1,400 turns", { before, after });
  assert.ok(after.MB - before.MB < 5, "1,000 turns take less than 5 MB");
  assert.ok(after.nodes - before.nodes < 500, "they take no more of the document");
});
