// Colour contrast after WCAG 2.2, of every piece of visible text against what is painted behind it.
() => {
  const parse = (colour) => {
    const [r, g, b, a] = colour.match(/[\d.]+/g).map(Number);
    return [r, g, b, a ?? 1];
  };
  const linear = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0) return colour;
    }
    return [255, 255, 255, 1];
  };
  const poor = new Map();
  for (const element of document.body.querySelectorAll("*")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || element.closest("script, .vh, title, desc") || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const ink = parse(element.closest("svg") ? style.fill : style.color);
    const [high, low] = [luminance(ink), luminance(behind(element))].sort((x, y) => y - x);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) poor.set(`${element.tagName}.${element.getAttribute("class")}`, ratio.toFixed(2));
  }
  return [...poor];
}
