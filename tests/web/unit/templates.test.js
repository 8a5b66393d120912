import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { TEMPLATES, commandOf, moduleOf, openTemplate, templateMenu } from "../../../web/templates.js";

const ROOT = new URL("../../../", import.meta.url);
const NAMES = TEMPLATES.flat().map(({ name }) => name);
const FILES = readdirSync(new URL("example_workflows/", ROOT)).filter((file) => file.endsWith(".json")).map((file) => file.slice(0, -5));

/** @param {string} path @returns {any} */
const json = (path) => JSON.parse(readFileSync(new URL(path, ROOT), "utf8"));

/**
 * A host that keeps what it is told.
 * @param {{answer?: () => Response, there?: Record<string, {isPersisted: boolean, isModified: boolean}>, locale?: string}} [given] there:
 *   the user's workflows
 */
function host({ answer = () => new Response('{"nodes": []}'), there = {}, locale = "en" } = {}) {
  /** @type {unknown[][]} */
  const told = [];
  return {
    told,
    /** @param {string} path */
    fetchApi(path) {
      told.push(["fetch", path]);
      return Promise.resolve().then(answer);
    },
    /** @param {unknown} workflow @param {string} name */
    load: (workflow, name) => told.push(["load", name, workflow]),
    /** @param {string} name */
    find: (name) => there[name] ?? null,
    /** @param {string} message */
    complain: (message) => told.push(["complain", message]),
    locale: () => locale,
  };
}

test("the menu has each template once, first the one that needs no adapter, then the one with an adapter", () => {
  assert.deepEqual([...NAMES].sort(), FILES.sort());
  assert.equal(new Set(NAMES).size, NAMES.length);
  assert.deepEqual(NAMES.slice(0, 2), ["flashmotion_no_adapter", "flashmotion_plus_adapter"]);
  // So do lists that are sorted, such as those of Windows.
  assert.deepEqual(FILES.sort().slice(0, 2), NAMES.slice(0, 2));
});

test("the README has them in the same order", () => {
  const rows = readFileSync(new URL("README.md", ROOT), "utf8").matchAll(/^\| `(\w+)\.json` \|/gm);
  assert.deepEqual([...rows].map(([, name]) => name), NAMES);
});

test("the menu's groups hold commands of its own", () => {
  const { commands, menuCommands } = templateMenu(host());
  assert.deepEqual(commands.map(({ id }) => id), menuCommands.flatMap((group) => group.commands));
  assert.deepEqual(new Set(menuCommands.flatMap(({ path }) => path)), new Set(["FlashMotion"]));
});

test("every label is translated, in the menu and where keys are bound", () => {
  const { menuLabels } = json("locales/zh/main.json");
  const commands = json("locales/zh/commands.json");
  assert.deepEqual(Object.keys(menuLabels), TEMPLATES.flat().map(({ label }) => label));
  assert.deepEqual(commands, Object.fromEntries(TEMPLATES.flat().map((template) => [
    commandOf(template).replaceAll(".", "_"), { label: `FlashMotion：${menuLabels[template.label]}` },
  ])));
});

test("labels are whole keys to the frontend's translator, and its messages are plain", () => {
  for (const [label, text] of Object.entries(json("locales/zh/main.json").menuLabels)) {
    assert.doesNotMatch(label, /[.[\]'"]/);
    assert.doesNotMatch(text, /[{}@|]/);
  }
});

test("the pack's folder may have any name", () => {
  assert.equal(moduleOf("http://localhost:8188/extensions/flashmotion/templates.js"), "flashmotion");
  assert.equal(moduleOf("https://host/proxy/1/extensions/Flash%20Motion-main/templates.js?v=2#x"), "Flash%20Motion-main");
  assert.throws(() => moduleOf("http://localhost/templates.js"), /templates\.js is not the address.*expected/);
});

test("a template is fetched as ComfyUI serves it and loaded under its name", async () => {
  const its = host();
  await openTemplate("flashmotion_tiny_cpu", "mine", its);
  assert.deepEqual(its.told, [
    ["fetch", "/workflow_templates/mine/flashmotion_tiny_cpu.json"],
    ["load", "flashmotion_tiny_cpu", { nodes: [] }],
  ]);
});

test("a workflow of the user's with the same name stays", async () => {
  const saved = { isPersisted: true, isModified: false };
  const changed = { isPersisted: false, isModified: true };
  for (const [there, name] of /** @type {const} */ ([
    [{ a: saved }, "a (2)"],
    [{ a: changed, "a (2)": saved }, "a (3)"],
    [{ a: { isPersisted: false, isModified: false } }, "a"],
  ])) {
    const its = host({ there });
    await openTemplate("a", "mine", its);
    assert.deepEqual(its.told[1].slice(0, 2), ["load", name]);
  }
});

test("what cannot be had is said in one sentence, in the user's language", async () => {
  const broken = [
    [() => new Response("", { status: 404 }), "HTTP 404"],
    [() => new Response("<html>"), "not valid JSON"],
    [() => { throw new TypeError("Failed to fetch"); }, "Failed to fetch"],
  ];
  for (const [answer, words] of /** @type {[() => Response, string][]} */ (broken)) {
    const its = host({ answer });
    await openTemplate("flashmotion_tiny_cpu", "mine", its);
    const [, [kind, message]] = its.told;
    assert.equal(kind, "complain");
    assert.match(String(message), /^The template flashmotion_tiny_cpu cannot be read \(.*\): open .*\.$/);
    assert.ok(String(message).includes(words), String(message));
  }
  const chinese = host({ answer: () => new Response("", { status: 404 }), locale: "zh" });
  await openTemplate("a", "mine", chinese);
  assert.match(String(chinese.told[1][1]), /^无法读取模板 a（HTTP 404）/);
});
