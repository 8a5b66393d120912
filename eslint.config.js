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

// They run in Node, too: neither DOM nor ComfyUI.
const pure = ["web/editor/{model,edit}/*.js"];

const config = [
  { ignores: ["node_modules/", ".flashmotion/", "**/*.d.ts"] },
  js.configs.recommended,
  { files: pure, languageOptions: { ecmaVersion: 2022 }, rules },
  { files: ["web/**/*.js"], ignores: pure, languageOptions: { ecmaVersion: 2022, globals: globals.browser }, rules },
  { files: ["tests/**/*.js"], languageOptions: { ecmaVersion: 2022, globals: globals.node }, rules },
];

// eslint itself asks for a default export.
export { config as default };
