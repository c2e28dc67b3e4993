// A look at the page's clock, its paints and what watch.js has collected.
() => {
  const [painted] = performance.getEntriesByName('first-contentful-paint');
  const [page] = performance.getEntriesByType('navigation');
  const seen = window.__launch || {tasks: [], lcp: null};
  return {origin: performance.timeOrigin, now: performance.now(), fcp: painted ? painted.startTime : null,
    dcl: page && page.domContentLoadedEventEnd || null, lcp: seen.lcp, tasks: seen.tasks.slice(0, 5000)};
}
