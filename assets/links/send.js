// Sends the token of a link, when the button is pressed. A file of its own, because the page's policy forbids inline scripts.
const form = document.querySelector('form')
const outcome = document.getElementById('outcome')
const token = new URLSearchParams(location.hash.slice(1)).get('token')

// Out of the address bar, the history and whatever is copied from there. The mail still has the link.
history.replaceState(null, '', location.pathname)

function tell(text, isError) {
  outcome.textContent = text
  outcome.classList.toggle('error', isError)
  outcome.focus()
}

function explain(problem) {
  const faults = Object.values(problem.errors ?? {}).flat()
  return faults.length > 0 ? faults.join(' ') : (problem.detail ?? problem.title)
}

/** A code of the second factor, once one is asked for: six digits are of the app. */
function proofOf(field) {
  const code = field?.value.replace(/\s/g, '')
  return code ? { method: /^[0-9]{6}$/.test(code) ? 'totp' : 'recovery_code', code } : {}
}

function askCode(field) {
  document.getElementById('factor').hidden = false
  field.required = true
  tell('Your account has a second factor. Please enter a code of it.', true)
  field.focus()
}

async function send() {
  const password = form.elements.namedItem('password')
  const code = form.elements.namedItem('code')
  const answer = await fetch(form.dataset.endpoint, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ token, ...(password && { password: password.value }), ...proofOf(code) }),
    credentials: 'omit',
  })
  if (!answer.ok) {
    const problem = await answer.json()
    return problem.code === 'factor_code_missing' ? askCode(code) : tell(explain(problem), true)
  }
  form.remove()
  tell(form.dataset.done, false)
}

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  const button = form.querySelector('button')
  button.disabled = true
  try {
    await send()
  } catch {
    tell('There was no answer. Please try again in a moment.', true)
  }
  button.disabled = false
})

if (!token) {
  form.remove()
  tell('This link is not complete. Please open it from the mail once more.', true)
}
