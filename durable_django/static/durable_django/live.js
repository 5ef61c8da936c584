/* Keep #dw-live up to date: ask its data-url every data-seconds until the answer is final. */
(() => {
  const box = document.getElementById("dw-live");
  if (!box?.dataset.url) return;
  const every = box.dataset.seconds * 1e3;
  let wait = every, busy, timer;

  // Touches only what differs: focus, scroll, selection and open <details> stay as they are.
  const morph = (old, now) => {
    if (old.isEqualNode(now)) return;
    if (old.nodeName != now.nodeName || old.id != now.id) return old.replaceWith(now);
    if (!old.tagName) return (old.data = now.data);
    for (const {name} of [...old.attributes])
      if (name != "open" && !now.hasAttribute(name)) old.removeAttribute(name);
    for (const {name, value} of now.attributes) name != "open" && old.setAttribute(name, value);
    let at = old.firstChild, next;
    for (const node of [...now.childNodes]) {
      let same = node.id && at;
      while (same && same.id != node.id) same = same.nextSibling;
      for (; same && at != same; at = next) (next = at.nextSibling), at.remove();
      if (!at || (node.id && !same)) old.insertBefore(node, at);
      else (next = at.nextSibling), morph(at, node), (at = next);
    }
    for (; at; at = next) (next = at.nextSibling), at.remove();
  };

  const look = async () => {
    if (busy || document.hidden) return;
    busy = 1;
    clearTimeout(timer);
    const {url, tag} = box.dataset;
    let state = "live";
    try {
      // A redirect leads to the login page.
      const answer = await fetch(url, {headers: {"If-None-Match": tag}, redirect: "error"});
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        morph(box, page.getElementById(box.id));
      } else if (![304, 404].includes(answer.status)) throw answer;
      // 404: it is gone.
      if (answer.status == 404 || answer.headers.has("X-Durable-Final")) state = "ended";
      wait = every;
    } catch {
      wait = Math.min(2 * wait, 6e4);
      state = "late";
    }
    box.dataset.state = state;
    busy = state == "ended";
    timer = busy || setTimeout(look, wait);
  };
  document.addEventListener("visibilitychange", look);
  box.dataset.state = "live";
  timer = setTimeout(look, every);
})();
