// Before anything is drawn, so that a dark page does not begin with a white flash.
const stored = (() => {
  try { return localStorage.getItem("theme"); } catch { return null; } // some browsers keep nothing for files
})();
if (stored) document.documentElement.style.colorScheme = stored;
