"use strict";

const lines = {
  my_events: (event) => `${event.starts_on}: ${event.title}, ${event.place}`,
  next_events: (event) => `${event.starts_on}: ${event.title}, ${event.place}`,
  new_posts: (post) => `${post.title}, by ${post.author}`,
};

function show(data) {
  document.getElementById("status").textContent = data.member.status;
  for (const [list, line] of Object.entries(lines)) {
    const items = data[list].map((entry) => {
      const item = document.createElement("li");
      item.textContent = line(entry);
      return item;
    });
    document.getElementById(list).replaceChildren(...items);
  }
}

async function load() {
  const answer = await fetch("/api/dashboard", { headers: { Accept: "application/json" } });
  if (answer.status === 401) {
    window.location.assign("/login?next=%2Fdashboard");
    return;
  }
  if (!answer.ok) throw new Error(`dashboard answered ${answer.status}`);
  show(await answer.json());
}

load().catch(() => {
  document.getElementById("problem").hidden = false;
});
