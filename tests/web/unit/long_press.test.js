import assert from "node:assert/strict";
import { test } from "node:test";

import { sayOnLongPress } from "../../../web/editor/ui/long_press.js";

/** A button that stands for the page around it, too: Node has events, but no elements. */
class Button extends EventTarget {
  closest = () => this;
  contains = () => true;
  getAttribute = () => "Pen (P)";
}

/** @param {import("node:test").TestContext} t */
function pressable(t) {
  Object.assign(globalThis, { Element: Button, Node: Button });
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const button = new Button();
  /** @type {string[]} */
  const said = [];
  sayOnLongPress(/** @type {any} */ (button), (name) => said.push(name));
  /** Whether the button itself would hear of it. @param {string} type @param {string} [pointerType] */
  const send = (type, pointerType = "touch") => button.dispatchEvent(Object.assign(new Event(type, { cancelable: true }), { pointerType }));
  return { said, send };
}

test("a long press says the name and presses nothing, once", (t) => {
  const { said, send } = pressable(t);
  send("pointerdown");
  t.mock.timers.tick(499);
  assert.deepEqual(said, []);
  t.mock.timers.tick(1);
  assert.deepEqual(said, ["Pen (P)"]);
  assert.equal(send("contextmenu"), false);
  send("pointerup");
  assert.equal(send("click"), false);
  assert.equal(send("click"), true);
});

test("a tap, a finger that scrolls away, and a mouse press as ever", (t) => {
  const { said, send } = pressable(t);
  for (const [pointerType, ends] of /** @type {const} */ ([["touch", "pointerup"], ["touch", "pointercancel"], ["touch", "pointerleave"]])) {
    send("pointerdown", pointerType);
    t.mock.timers.tick(400);
    send(ends);
    t.mock.timers.tick(400);
    assert.equal(send("click"), true);
  }
  send("pointerdown", "mouse");
  t.mock.timers.tick(900);
  assert.equal(send("click"), true);
  assert.deepEqual(said, []);
});

test("the next press after one without a click counts", (t) => {
  const { send } = pressable(t);
  send("pointerdown");
  t.mock.timers.tick(600);
  send("pointercancel");
  send("pointerdown");
  send("pointerup");
  assert.equal(send("click"), true);
});
