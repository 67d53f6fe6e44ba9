/** The page at /docs. What it loads lies under assets/docs and is served beside the Worker, not by it. */

import { ICON } from './icon.ts'

// Swagger UI, which brings a main landmark of its own, takes the place of this one. It stays where
// JavaScript is off or does not arrive.
export const DOCS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Mechanic Shop API documentation</title>
<link rel="icon" href="${ICON}">
<link rel="stylesheet" href="/docs/swagger-ui/swagger-ui.css">
<link rel="stylesheet" href="/docs/theme.css">
<script src="/docs/swagger-ui/swagger-ui-bundle.js" defer></script>
<script src="/docs/start.js" defer></script>
</head>
<body>
<div id="docs">
<main class="plain"><p>Every path, field and answer is described at <a href="/openapi.json">/openapi.json</a>.
<noscript>This page shows it with JavaScript, which is off.</noscript></p></main>
</div>
</body>
</html>
`

/**
 * Only files of this origin, nothing inline. Swagger UI draws its arrows and its loading sign from `data:`
 * pictures in its style sheet, and sets styles through the DOM, which `style-src` does not forbid.
 */
export const DOCS_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')
