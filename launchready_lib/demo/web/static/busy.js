"use strict";

// Stands for a heavy widget: it keeps the page from answering anybody for a while.
const until = performance.now() + 4000;
while (performance.now() < until);
