// @ts-check
/** The console's questions before something that cannot be taken back. */

import { confirmDialog } from '../a11y.js';
import { t } from '../i18n/index.js';

/** @param {string} action @returns {Promise<boolean>} */
export function confirmAction(action) {
  return confirmDialog({ title: t(`confirm.${action}.title`), text: t(`confirm.${action}.text`), yes: t(`confirm.${action}.yes`), no: t('confirm.no') });
}
