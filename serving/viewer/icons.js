/** Small pictures, drawn here: paths in a square of 24, filled with the text's colour. */
const PATHS = {
  // States: each has a shape of its own, for those who see no colour.
  connecting: "M12 4a8 8 0 1 1-8 8h3a5 5 0 1 0 5-5z",
  ready: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zm0 3.2a5.8 5.8 0 1 0 0 11.6 5.8 5.8 0 0 0 0-11.6z",
  watching: "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16z",
  alert: "M12 1.5 22.5 12 12 22.5 1.5 12z",
  paused: "M5.5 4h4.5v16H5.5zM14 4h4.5v16H14z",
  degraded: "M12 2.5 23 21H1z",
  error: "M7.6 2h8.8L22 7.6v8.8L16.4 22H7.6L2 16.4V7.6zm.6 4.6L6.6 8.2 10.4 12l-3.8 3.8 1.6 1.6 3.8-3.8 3.8 3.8 1.6-1.6-3.8-3.8 3.8-3.8-1.6-1.6-3.8 3.8z",
  // Actions.
  freeze: "M6 4h4v16H6zM14 4h4v16h-4z",
  play: "M7 3.5 20.5 12 7 20.5z",
  snapshot:
    "M9 4h6l1.6 2.5H21V20H3V6.500h4.400zM12 8.500a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zm0 2a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5z",
  "false-alarm": "M6 4.5 12 10.500l6-6 1.5 1.5-6 6 6 6-1.5 1.5-6-6-6 6L4.5 18l6-6-6-6z",
  missed: "M10.7 3h2.600v7.700H21v2.600h-7.700V21h-2.600v-7.700H3v-2.600h7.700z",
  right: "M9.5 18.5 3.5 12.500l1.9-1.9 4.1 4.100L18.6 5.500l1.9 1.900z",
  heat: "M12 2c1 4 6 6.5 6 12a6 6 0 0 1-12 0c0-2.5 1.2-4 2.5-5.5.3 1.5 1 2.5 2 3C10 8 11 5 12 2z",
  open: "M3 5h7l2 2.500h9V19H3zm2 4.500V17h14V9.500z",
  report: "M5 2.500h9l5 5v14H5zM13 4.500v4h4zM8 11.500v1.600h8v-1.600zm0 3.200v1.600h8v-1.600z",
  "sound-on": "M3 9h4l5-4.500v15L7 15H3zM15 8.500a5 5 0 0 1 0 7l1.4 1.400a7 7 0 0 0 0-9.800zM18 5.500a9.2 9.2 0 0 1 0 13l1.4 1.400a11.2 11.2 0 0 0 0-15.800z",
  "sound-off": "M3 9h4l5-4.500v15L7 15H3zM15 9.400l1.4-1.4 2.1 2.100L20.6 8 22 9.400l-2.1 2.1 2.1 2.1-1.4 1.4-2.1-2.1-2.1 2.1-1.4-1.4 2.1-2.100z",
  help: "M12 2a10 10 0 1 1 0 20 10 10 0 0 1 0-20zm0 2a8 8 0 1 0 0 16 8 8 0 0 0 0-16zm-1.1 11.600h2.200v2.200h-2.200zM12 6.200c2 0 3.6 1.3 3.6 3.2 0 2.3-2.5 2.6-2.5 4.700h-2.200c0-3 2.4-3.2 2.4-4.6 0-.800-.6-1.3-1.4-1.3-.9 0-1.5.6-1.5 1.500H8.200c0-2.1 1.7-3.5 3.8-3.500z",
  who: "M12 2.500a4.800 4.800 0 1 1 0 9.600 4.800 4.800 0 0 1 0-9.600zM3.500 21.500c0-5 3.700-7.600 8.500-7.600s8.500 2.600 8.500 7.600z",
  fullscreen: "M3 3h7v2H5v5H3zM14 3h7v7h-2V5h-5zM3 14h2v5h5v2H3zM19 14h2v7h-7v-2h5z",
  close: "M6 4.5 12 10.500l6-6 1.5 1.5-6 6 6 6-1.5 1.5-6-6-6 6L4.5 18l6-6-6-6z",
  link: "M3 20h3v-5H3zM8 20h3V11H8zM13 20h3V7h-3zM18 20h3V3h-3z",
  previous: "M15.5 4 7.5 12l8 8 1.9-1.900L11.3 12l6.1-6.100z",
  next: "M8.5 4l8 8-8 8-1.9-1.9 6.1-6.1-6.1-6.100z",
  file: "M3 5h18v14H3zm2 2v10h14V7zM10 9l5 3-5 3z",
  folder: "M3 5h7l2 2.500h9V19H3z",
  camera: "M3 6h13v4l5-3v10l-5-3v4H3z",
  screen: "M3 4h18v12H3zm2 2v8h14V6zM8 18h8v2H8z",
  sample: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zm0 2.500a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zm0 3a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7z",
  note: "M4 4h16v12l-4 4H4zm2 2v12h9v-3h3V6zM8 9h8v1.600H8zm0 3h5v1.600H8z",
};

/** An icon as an SVG element, hidden from screen readers. @param {string} name */
export function icon(name) {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const path = document.createElementNS(namespace, "path");
  path.setAttribute("d", PATHS[name] ?? "");
  path.setAttribute("fill-rule", "evenodd");
  svg.append(path);
  return svg;
}

/** Put an icon into every element below `root` that asks for one with `data-icon`. */
export function drawIcons(root) {
  for (const element of root.querySelectorAll("[data-icon]")) element.prepend(icon(element.dataset.icon));
}

/** Exchange an element's icon. @param {Element} element @param {string} name */
export function setIcon(element, name) {
  if (element.getAttribute("data-icon-shown") === name) return;
  element.setAttribute("data-icon-shown", name);
  element.querySelector(":scope > svg")?.remove();
  element.prepend(icon(name));
}
