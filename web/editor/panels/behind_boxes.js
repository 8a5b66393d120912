/**
 * What lies behind the boxes: the picture that the node gets, what a run makes of the trajectory, or the control map; and the lines on it
 * that say what it is where it is not what it seems.
 *
 * @import { Session } from "../edit/session.js"
 * @import { Background } from "../stage/pictures.js"
 * @import { Live, Result } from "../stage/result_picture.js"
 * @import { Backdrop } from "../stage/behind.js"
 * @import { Texts } from "../texts/texts.js"
 *
 * @typedef {object} BehindHost
 * @property {() => Promise<void>} peek compute the start image alone, and show it
 * @property {() => void} nextUse show the picture of the next use of the node's subgraph
 * @property {() => void} cancelRun
 * @property {(url: string) => Promise<Blob>} readFile of the server, by one of its own addresses
 *
 * @typedef {object} BehindBoxes
 * @property {ReturnType<typeof createPictures>} pictures those that the node gets
 * @property {HTMLElement[]} lines
 * @property {(frame: number) => Backdrop} at
 * @property {(background: Background | undefined) => void} setBackground
 * @property {(result: Result | undefined) => void} setResult
 * @property {(live: Live | undefined) => void} setLive
 * @property {() => void} update
 */

import { createBehind } from "../stage/behind.js";
import { createPictures } from "../stage/pictures.js";
import { createResultPicture } from "../stage/result_picture.js";
import { createNotice } from "../ui/notice.js";
import { createRunLine } from "../ui/run_line.js";
import { createUses } from "../ui/uses.js";

/**
 * @param {Session} session
 * @param {Texts} texts
 * @param {BehindHost} host
 * @param {() => void} changed called when there is something new to draw or to say; it calls `update`
 * @param {() => void} redraw called when there is something new to draw alone
 * @returns {BehindBoxes}
 */
export function createBehindBoxes(session, texts, host, changed, redraw) {
  const pictures = createPictures(changed, host.readFile);
  const results = createResultPicture(changed, host.readFile);
  const notice = createNotice(texts, host.peek, (problem) => session.say(problem, true));
  const uses = createUses(texts, host.nextUse);
  const runLine = createRunLine(texts, host.cancelRun);
  /** Whether the run under way has already been shown. */
  let sawLive = false;

  function update() {
    const { behind } = session.state;
    const { result, live } = results;
    notice.update(behind === "picture" ? pictures.notice : undefined);
    uses.update(behind === "map" ? undefined : pictures.use);
    runLine.update(behind === "result" ? live : undefined, behind === "result" && result !== undefined && result.text !== session.text());
  }

  /** What is new is shown, unless something else was chosen to be shown. @param {boolean} isNew */
  function offer(isNew) {
    const hasResult = Boolean(results.live ?? results.result);
    const { behind } = session.state;
    if (behind === "picture" && isNew && hasResult) session.set({ hasResult, behind: "result" });
    else if (behind === "result" && !hasResult) session.set({ hasResult, behind: "picture" });
    else if (session.state.hasResult !== hasResult) session.set({ hasResult });
    else changed();
  }

  return {
    pictures,
    lines: [notice.element, uses.element, runLine.element],
    update,
    setBackground: pictures.show,
    setResult(result) {
      if (results.setResult(result)) offer(!sawLive);
    },
    setLive(live) {
      const begins = live?.picture !== undefined && !sawLive;
      sawLive = live !== undefined && (sawLive || begins);
      void results.setLive(live);
      offer(begins);
    },
    at: createBehind(session, pictures, results, redraw),
  };
}
