"use strict";
const state = document.getElementById("state");
const stream = new EventSource("/dashboard/live");
stream.onopen = () => { state.textContent = "Live"; };
stream.onerror = () => { state.textContent = "Not live: the guard cannot be reached"; };
stream.onmessage = (event) => {
  const main = document.getElementById("main");
  if (!main.contains(document.activeElement)) main.innerHTML = event.data;
};
