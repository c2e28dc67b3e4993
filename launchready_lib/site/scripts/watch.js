// From a page's first moment: its long tasks, and the largest paint so far.
window.__launch = {tasks: [], lcp: null};
new PerformanceObserver(list => { for (const e of list.getEntries())
  window.__launch.tasks.push([e.startTime, e.duration]); }).observe({type: 'longtask', buffered: true});
new PerformanceObserver(list => { for (const e of list.getEntries())
  window.__launch.lcp = e.startTime; }).observe({type: 'largest-contentful-paint', buffered: true});
