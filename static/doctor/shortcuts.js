// @ts-check
/** Keys of the console. README "Keyboard in the console" has the same table; a test compares them. */

/** @typedef {'queue'|'case'|'chat'|'note'|'microphone'|'camera'|'ring'|'hold'|'save'|'next'|'claim'|'help'} Command */
/** `code` is the key's place (KeyboardEvent.code), so that Alt does not change it on any layout. @type {readonly {alt: boolean, code: string, label: string, command: Command}[]} */
export const SHORTCUTS = Object.freeze([
  { alt: true, code: 'Digit1', label: 'Alt+1', command: 'queue' },
  { alt: true, code: 'Digit2', label: 'Alt+2', command: 'case' },
  { alt: true, code: 'Digit3', label: 'Alt+3', command: 'chat' },
  { alt: true, code: 'Digit4', label: 'Alt+4', command: 'note' },
  { alt: true, code: 'KeyM', label: 'Alt+M', command: 'microphone' },
  { alt: true, code: 'KeyV', label: 'Alt+V', command: 'camera' },
  { alt: true, code: 'KeyR', label: 'Alt+R', command: 'ring' },
  { alt: true, code: 'KeyH', label: 'Alt+H', command: 'hold' },
  { alt: true, code: 'KeyS', label: 'Alt+S', command: 'save' },
  { alt: true, code: 'KeyN', label: 'Alt+N', command: 'next' },
  { alt: true, code: 'KeyT', label: 'Alt+T', command: 'claim' },
  { alt: false, code: '?', label: '?', command: 'help' },
]);

/** Pure. @param {{altKey: boolean, ctrlKey: boolean, metaKey: boolean, code: string, key: string, isTyping: boolean}} press @returns {Command|null} */
export function commandFor(press) {
  if (press.ctrlKey || press.metaKey) return null;
  if (!press.altKey) return press.key === '?' && !press.isTyping ? 'help' : null;
  return SHORTCUTS.find((shortcut) => shortcut.alt && shortcut.code === press.code)?.command ?? null;
}
