// Starts Swagger UI on /docs. A file of its own, because the page's policy forbids inline scripts.
const dark = matchMedia('(prefers-color-scheme: dark)')

function followColorScheme() {
  document.documentElement.classList.toggle('dark-mode', dark.matches)
}

followColorScheme()
dark.addEventListener('change', followColorScheme)

SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  // A token that was typed in is gone when the page is left.
  persistAuthorization: false,
  // Otherwise the address of the document would be sent to a validator on the internet.
  validatorUrl: null,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  showExtensions: true,
  // Its numbers can be read.
  syntaxHighlight: { theme: 'tomorrow-night' },
})
