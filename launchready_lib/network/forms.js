// In every frame before the page's own scripts: no form is submitted to a host that the authorization does not name.
// The target is read when the form is submitted, and once more after the page's own handlers had it.
(allowed => {
  const report = globalThis.launchreadyStopped;
  const get = (type, name) => Object.getOwnPropertyDescriptor(type.prototype, name).get;
  const action = get(HTMLFormElement, 'action'), method = get(HTMLFormElement, 'method');
  const says = Element.prototype.getAttribute, submit = HTMLFormElement.prototype.submit;
  const halt = Event.prototype.preventDefault;
  const inside = host => allowed.some(each => each.startsWith('*.') ? host.endsWith(each.slice(1)) : host === each);
  const astray = (form, by) => {
    const given = by && says.call(by, 'formaction');
    const how = (by && says.call(by, 'formmethod')) || method.call(form);
    let url;
    try { url = given ? new URL(given, document.baseURI) : new URL(action.call(form)); } catch { return null; }
    const host = url.hostname.replace(/\.$/, '');
    const address = /^[\d.]+$|^\[/.test(host);  // a network of the authorization may name it: left to the door
    const leaves = how !== 'dialog' && /^https?:$/.test(url.protocol) && !address && !inside(host);
    return leaves ? url.href : null;
  };
  const stopped = (form, by) => {
    const url = astray(form, by);
    if (url && report) report(url.slice(0, 2000));
    return !!url;
  };
  addEventListener('submit', event => {
    if (event.target instanceof HTMLFormElement && stopped(event.target, event.submitter)) halt.call(event);
  }, true);
  addEventListener('formdata', event => {
    if (event.target instanceof HTMLFormElement && stopped(event.target)) {
      for (const name of [...event.formData.keys()]) event.formData.delete(name);
    }
  }, true);
  HTMLFormElement.prototype.submit = function () { if (!stopped(this)) submit.call(this); };
  delete globalThis.PaymentRequest;  // the browser itself, and no page, would fetch what that names
})(ALLOWED);
