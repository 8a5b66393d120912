/**
 * Playing at the clip's real speed: the frame follows the clock, so a slow machine drops frames instead of time.
 *
 * @import { Session } from "../edit/session.js"
 */

/**
 * @param {Session} session plays while `state.playing`
 * @returns {() => void} stop for good
 */
export function installPlayer(session) {
  let asked = 0;
  /** @type {number | undefined} */
  let began;
  let first = 0;

  /** @param {number} now */
  function tick(now) {
    asked = 0;
    const { playing, loop, document } = session.state;
    if (!playing) return;
    began ??= now;
    const passed = Math.floor(((now - began) / 1000) * document.fps);
    const frame = first + passed;
    if (frame >= document.frames && !loop) {
      session.set({ frame: document.frames - 1, playing: false });
      return;
    }
    if (frame % document.frames !== session.state.frame) session.set({ frame: frame % document.frames });
    asked = requestAnimationFrame(tick);
  }

  const end = session.subscribe((state, before) => {
    if (!state.playing || before.playing) return;
    const last = state.document.frames - 1;
    first = state.frame >= last ? 0 : state.frame;
    began = undefined;
    asked ||= requestAnimationFrame(tick);
  });
  return () => {
    end();
    cancelAnimationFrame(asked);
  };
}
