/* Asks the questions of this page one by one and makes a file of the answers; nothing is loaded and nothing is sent. */
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const get = (id) => document.getElementById(id);
  const answers = {};
  const random = new Uint8Array(8);
  crypto.getRandomValues(random);
  const participant = [...random].map((one) => one.toString(16).padStart(2, "0")).join("");
  let at = 0;

  const choices = data.questions[0].candidates.map((_, n) => {
    const button = document.createElement("button");
    const image = document.createElement("img");
    button.type = "button";
    image.alt = "candidate " + (n + 1);
    button.append(image, String(n + 1));
    button.addEventListener("click", () => choose(n));
    get("choices").append(button);
    return image;
  });
  const show = () => {
    const left = at < data.questions.length;
    get("ask").hidden = !left;
    get("done").hidden = left;
    if (!left) {
      const text = JSON.stringify({ survey: data.survey, participant, answers });
      get("save").href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
      get("save").focus();
      return;
    }
    const one = data.questions[at];
    get("where").textContent = "Question " + (at + 1) + " of " + data.questions.length;
    get("shown").src = one.shown;
    choices.forEach((image, n) => (image.src = one.candidates[n]));
    get("back").disabled = at === 0;
  };
  const choose = (n) => {
    if (at >= data.questions.length) return;
    answers[at] = n;
    at += 1;
    show();
  };
  get("none").addEventListener("click", () => choose(-1));
  get("back").addEventListener("click", () => {
    at = Math.max(0, at - 1);
    show();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "0") choose(-1);
    else if (/^[1-5]$/.test(event.key) && Number(event.key) <= choices.length) choose(Number(event.key) - 1);
  });
  window.addEventListener("beforeunload", (event) => {
    if (Object.keys(answers).length) event.preventDefault();
  });
  show();
})();
