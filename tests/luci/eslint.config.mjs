/* The rules of LuCI's own repository, and a few of ours: data never becomes markup. */
import { defineConfig, globalIgnores } from 'eslint/config';
import js from '@eslint/js';
import json from '@eslint/json';
import globals from 'globals';

const luci = Object.fromEntries([
	'_', 'N_', 'L', 'E', 'TR', 'cbi_d', 'cbi_strings', 'cbi_d_add', 'cbi_d_check', 'cbi_d_checkvalue', 'cbi_d_update', 'cbi_init', 'cbi_update_table', 'cbi_validate_form',
	'cbi_validate_field', 'cbi_validate_named_section_add', 'cbi_validate_reset', 'cbi_row_swap', 'cbi_tag_last', 'cbi_submit', 'cbi_dropdown_init', 'isElem', 'toElem',
	'matchesElem', 'findParent', 'sfh', 'renderBadge', 'baseclass', 'dom', 'firewall', 'fwtool', 'form', 'fs', 'network', 'nettools', 'poll', 'random', 'request', 'session',
	'rpc', 'uci', 'ui', 'uqr', 'validation', 'view', 'widgets'
].map(name => [ name, 'readonly' ]));

/* Modules of ours that a file requires are globals of it. */
const ours = Object.fromEntries([
	'actions', 'advice', 'assistant', 'calls', 'cards', 'check', 'explain', 'field', 'findings', 'format', 'grid', 'history', 'labels', 'layout', 'live', 'mdom', 'options',
	'policies', 'proto', 'reasons', 'series', 'service', 'sites', 'sparkline', 'states', 'tile', 'timeline', 'values'
].map(name => [ name, 'readonly' ]));

const rules = {
	'strict': 0, 'no-prototype-builtins': 0, 'no-empty': 0, 'no-undef': 'error', 'no-unused-vars': [ 'error', { caughtErrors: 'none', argsIgnorePattern: '^_' } ],
	'no-regex-spaces': 0, 'no-control-regex': 0
};

export default defineConfig([
	globalIgnores([ '**/node_modules' ]),
	{
		files: [ '**/*.json' ], ignores: [ '**/package-lock.json' ], plugins: { json }, language: 'json/json', extends: [ 'json/recommended' ],
		rules: { 'json/no-duplicate-keys': 'error' }
	},
	{
		files: [ '**/*.js' ], plugins: { js }, extends: [ 'js/recommended' ], linterOptions: { reportUnusedDisableDirectives: 'off' },
		languageOptions: { sourceType: 'script', ecmaVersion: 2026, globals: { ...globals.browser, ...luci, ...ours }, parserOptions: { ecmaFeatures: { globalReturn: true } } },
		rules: {
			...rules, 'indent': [ 'error', 'tab', { SwitchCase: 0, ignoredNodes: [ 'CallExpression *', 'ArrayExpression *', 'TemplateLiteral *', 'VariableDeclaration *' ] } ],
			'max-lines': [ 'error', 300 ], 'no-tabs': 0, 'no-trailing-spaces': 'error', 'eol-last': 'error'
		}
	},
	{
		files: [ '**/luci-app/**/*.js', 'luci-app/**/*.js' ],
		rules: {
			'no-eval': 'error', 'no-implied-eval': 'error', 'no-new-func': 'error',
			'no-restricted-properties': [ 'error', ...[ 'innerHTML', 'outerHTML', 'insertAdjacentHTML', 'write', 'createContextualFragment' ].filter(p => p !== 'write').map(property => ({ property })) ],
			'no-restricted-syntax': [ 'error',
				/* E() and dom.content() make markup of a text that is not in a list */
				{ selector: 'CallExpression[callee.name="E"][arguments.2.type=/^(Literal|TemplateLiteral|Identifier|BinaryExpression|MemberExpression)$/]', message: 'children of E() are a list' },
				{ selector: 'CallExpression[callee.name="E"][arguments.1.type=/^(Literal|TemplateLiteral|Identifier|BinaryExpression|MemberExpression)$/]', message: 'attributes of E() are an object' },
				{ selector: 'CallExpression[callee.object.name="dom"][callee.property.name=/^(content|append)$/][arguments.1.type=/^(Literal|TemplateLiteral|Identifier|BinaryExpression)$/]', message: 'contents are a list' },
				{ selector: 'CallExpression[callee.object.name="ui"][callee.property.name="showModal"][arguments.0.type=/^(TemplateLiteral|Identifier|BinaryExpression|MemberExpression)$/]', message: 'titles of dialogues are fixed texts' }
			]
		}
	},
	{
		files: [ '**/*.mjs' ], plugins: { js }, extends: [ 'js/recommended' ],
		languageOptions: { sourceType: 'module', ecmaVersion: 2024, globals: { ...globals.node, ...globals.browser } },
		rules: { ...rules, 'no-trailing-spaces': 'error', 'eol-last': 'error' }
	},
	{ files: [ '**/standin/cbi.js', '**/standin/luci.js' ], rules: { 'no-unused-vars': 0, 'no-redeclare': 0 } }
]);
