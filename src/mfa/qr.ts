/** A text as a QR code. The library is loaded at its first use: an isolate that enrols nobody does not run it. */
export async function drawQrCode(content: string): Promise<string> {
  const { renderSVG } = await import('uqr')
  return renderSVG(content)
}
