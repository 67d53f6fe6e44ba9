// Functions that run inside the page, so they can use nothing from outside of themselves.

/** Visible texts whose contrast to what is behind them is below WCAG 2.2 AA (1.4.3), with the contrast. */
export function findFaintTexts() {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
  const rgbaOf = (color) => {
    canvas.clearRect(0, 0, 1, 1)
    canvas.fillStyle = color
    canvas.fillRect(0, 0, 1, 1)
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data
    return [red, green, blue, alpha / 255]
  }
  const over = ([r, g, b, a], below) =>
    [r, g, b].map((value, index) => value * a + below[index] * (1 - a)).concat(1)
  const luminance = (color) => {
    const [r, g, b] = color.map((value) =>
      value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
    )
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const ancestorsOf = (element) => (element ? [element, ...ancestorsOf(element.parentElement)] : [])
  const canvasColor = rgbaOf('canvas')
  const backgroundOf = (element) =>
    ancestorsOf(element).reduceRight(
      (below, one) => over(rgbaOf(getComputedStyle(one).backgroundColor), below),
      canvasColor,
    )

  const faint = new Set()
  const check = (element, text) => {
    const style = getComputedStyle(element)
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return
    if (element.closest(':disabled, .svg-assets, title')) return
    const background = backgroundOf(element)
    const opacity = ancestorsOf(element).reduce((all, one) => all * Number(getComputedStyle(one).opacity), 1)
    const [r, g, b, a] = rgbaOf(style.color)
    const light = [luminance(over([r, g, b, a * opacity], background)), luminance(background)]
    const contrast = (Math.max(...light) + 0.05) / (Math.min(...light) + 0.05)
    const size = Number.parseFloat(style.fontSize)
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700)
    if (contrast < (isLarge ? 3 : 4.5))
      faint.add(`${contrast.toFixed(1)} ${element.localName}.${element.className}: ${text.slice(0, 40)}`)
  }
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    const text = texts.currentNode.textContent.trim()
    if (text !== '') check(texts.currentNode.parentElement, text)
  }
  for (const field of document.querySelectorAll('input, textarea, select')) check(field, field.value)
  return [...faint]
}

/** What has the keyboard's focus, and whether a person would see it there. */
export function describeFocus() {
  const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement)
  const { localName, className, textContent } = document.activeElement
  const { width, height } = document.activeElement.getBoundingClientRect()
  return {
    name: `${localName}.${className}: ${textContent.trim().slice(0, 40)}`,
    isPage: document.activeElement === document.body,
    isVisible:
      outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2 && Math.min(width, height) >= 8,
  }
}

/** Everything that the page has put aside for later. */
export function listStoredValues() {
  return [...Object.values(localStorage), ...Object.values(sessionStorage), document.cookie].filter(Boolean)
}
