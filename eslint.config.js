import js from "@eslint/js";
import globals from "globals";

// What every file in the repository keeps to.
const rules = {
  "curly": ["error", "multi-line"],
  "eqeqeq": "error",
  "max-lines": ["error", { max: 250 }],
  "no-console": "error",
  "no-eval": "error",
  "no-implied-eval": "error",
  "no-param-reassign": "error",
  "no-restricted-syntax": [
    "error",
    { selector: "ExportDefaultDeclaration", message: "Named exports only." },
    { selector: "ImportExpression", message: "Import at the top, where the folders' order is checked." },
    {
      selector: "MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML)$/]",
      message: "A workflow file is untrusted: set textContent.",
    },
  ],
  "no-shadow": "error",
  "no-unused-vars": "error",
  "no-var": "error",
  "object-shorthand": "error",
  "prefer-const": "error",
  "prefer-template": "error",
};

// The folders of web/editor/, lowest first. A folder imports from itself and from those before it, and from nothing else:
// tracking/ follows boxes through pictures, model/ is the document, edit/ changes it (these run in Node, without a DOM), texts/ holds what is said, ui/ the page's small parts,
// stage/ the picture, timeline/ the rows of keyframes, panels/ the rest. editor.js puts them together. What a lower folder needs of a
// higher one is handed in. Outside the editor, flashmotion.js alone knows ComfyUI's app.
const FOLDERS = ["tracking", "model", "edit", "texts", "ui", "stage", "timeline", "panels"];
const PURE = FOLDERS.slice(0, 3).map((folder) => `web/editor/${folder}/*.js`);
const COMFYUI = ["app", "comfyAPI", "LiteGraph", "LGraphCanvas"];

/**
 * Files that may import only what a regular expression allows.
 * @param {string} files
 * @param {string} allowed
 */
const imports = (files, allowed) => ({
  files: [files],
  rules: { "no-restricted-imports": ["error", { patterns: [{ regex: `^(?!${allowed})`, message: "Not from here: see the folders in eslint.config.js." }] }] },
});

const config = [
  { ignores: ["node_modules/", ".flashmotion/", "**/*.d.ts"] },
  js.configs.recommended,
  { files: PURE, languageOptions: { ecmaVersion: 2022 }, rules },
  { files: ["web/**/*.js"], ignores: PURE, languageOptions: { ecmaVersion: 2022, globals: globals.browser }, rules },
  { files: ["train/**/*.js"], languageOptions: { ecmaVersion: 2022, globals: globals.browser }, rules },
  { files: ["tests/**/*.js"], languageOptions: { ecmaVersion: 2022, globals: globals.node }, rules },
  imports("web/**/*.js", String.raw`\./`),
  ...FOLDERS.map((folder, index) => imports(`web/editor/${folder}/**/*.js`, String.raw`\./|\.\./(${FOLDERS.slice(0, index).join("|")})/`)),
  imports("web/flashmotion.js", String.raw`\./|\.\./\.\./scripts/app\.js$`),
  {
    files: ["web/**/*.js"],
    ignores: ["web/flashmotion.js"],
    rules: {
      "no-restricted-properties": [
        "error",
        ...["window", "globalThis"].flatMap((object) => COMFYUI.map((property) => ({ object, property, message: "Only flashmotion.js knows ComfyUI." }))),
      ],
    },
  },
];

// eslint itself asks for a default export.
export { config as default };
