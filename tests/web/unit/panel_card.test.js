import assert from "node:assert/strict";
import { test } from "node:test";

import { linesOf } from "../../../web/panel_card.js";

test("a text is broken where its language allows it, and a long word stands alone", () => {
  /** @param {number} most */
  const fits = (most) => (/** @type {string} */ part) => part.length <= most;
  assert.deepEqual(linesOf("Drawn in the node. Click here.", fits(18)), ["Drawn in the node.", "Click here."]);
  assert.deepEqual(linesOf("\u5728\u8282\u70b9\u4e2d\u7ed8\u5236\u3002\u70b9\u51fb\u8fd9\u91cc\u3002", fits(7)), ["\u5728\u8282\u70b9\u4e2d\u7ed8\u5236\u3002", "\u70b9\u51fb\u8fd9\u91cc\u3002"]);
  assert.deepEqual(linesOf("incomprehensible yes", fits(5)), ["incomprehensible", "yes"]);
});
