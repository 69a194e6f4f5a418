// Dark unless told otherwise: reading rooms are dark.

const NAMES = ["dark", "light", "system"];
const TEXTS = { dark: "themeDark", light: "themeLight", system: "themeSystem" };

/** Puts the chosen theme on; gives the key of its name. */
export function startTheme() {
  const name = chosen();
  const light = name === "light" || (name === "system" && matchMedia("(prefers-color-scheme: light)").matches);
  document.documentElement.dataset.theme = light ? "light" : "dark";
  return TEXTS[name];
}

/** Goes to the next theme; gives the key of its name. */
export function nextTheme() {
  localStorage.setItem("acft.theme", NAMES[(NAMES.indexOf(chosen()) + 1) % NAMES.length]);
  return startTheme();
}

function chosen() {
  const name = localStorage.getItem("acft.theme");
  return NAMES.includes(name) ? name : "dark";
}

matchMedia("(prefers-color-scheme: light)").addEventListener("change", startTheme);
