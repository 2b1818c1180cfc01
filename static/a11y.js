// @ts-check
/** What screen readers and keyboards need: spoken news and a sensible place for focus. */

/**
 * Say a sentence through one of the page's two live regions (in the HTML, so they exist before they speak).
 * @param {string} text @param {'polite'|'assertive'} [urgency]
 */
export function announce(text, urgency = 'polite') {
  const region = document.getElementById(urgency === 'assertive' ? 'live-assertive' : 'live-polite');
  if (!region) return;
  // The same sentence twice is only spoken again if the region was empty in between.
  region.textContent = '';
  requestAnimationFrame(() => { region.textContent = text; });
}

/**
 * Move focus to the heading of a new screen, so that reading starts there.
 * @param {Element} container
 */
export function focusHeading(container) {
  const heading = container.querySelector('h1, h2');
  if (!(heading instanceof HTMLElement)) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

/** @param {Element} container the first invalid field of it gets focus */
export function focusFirstInvalid(container) {
  const field = container.querySelector('[aria-invalid="true"]');
  if (field instanceof HTMLElement) field.focus();
}

/**
 * A yes/no question in a modal dialog; focus returns to where it was.
 * @param {{title: string, text: string, yes: string, no: string}} words
 * @returns {Promise<boolean>}
 */
export function confirmDialog(words) {
  const dialog = document.createElement('dialog');
  const title = Object.assign(document.createElement('h2'), { textContent: words.title, id: 'dialog-title' });
  const text = Object.assign(document.createElement('p'), { textContent: words.text });
  const yes = Object.assign(document.createElement('button'), { textContent: words.yes, className: 'danger', value: 'yes' });
  const no = Object.assign(document.createElement('button'), { textContent: words.no, value: 'no', autofocus: true });
  const form = Object.assign(document.createElement('form'), { method: 'dialog', className: 'actions' });
  form.append(no, yes);
  dialog.setAttribute('aria-labelledby', 'dialog-title');
  dialog.append(title, text, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => { dialog.remove(); resolve(dialog.returnValue === 'yes'); }, { once: true });
  });
}
