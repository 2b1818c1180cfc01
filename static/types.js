// @ts-check
/**
 * Shapes that cross the network, as JSDoc types. Nothing runs here.
 * Sources of truth: server/http/README.md (HTTP) and signaling/README.md (WebSocket).
 *
 * @typedef {'patient'|'caregiver'|'interpreter'|'doctor'|'expert'|'device'} Role
 * @typedef {'emergency'|'urgent'|'semi-urgent'|'routine'|'self-care'} Level
 * @typedef {'en'|'zh'} Language
 *
 * @typedef {object} ProblemDocument RFC 9457
 * @property {string} [type] @property {string} [title] @property {number} [status]
 * @property {string} [detail] @property {string} code stable; texts are chosen by it
 * @property {number} [retry_after_s]
 *
 * @typedef {object} Vitals
 * @property {number} [temperature_c] @property {number} [heart_rate] @property {number} [respiratory_rate]
 * @property {number} [spo2] @property {number} [systolic_bp] @property {number} [diastolic_bp] @property {number} [glucose_mmol_l] in the call only
 * @property {'A'|'C'|'V'|'P'|'U'} [consciousness]
 *
 * @typedef {object} Intake the triage engine's fields without `id` and `lang`
 * @property {string} complaint
 * @property {number} [age] whole years @property {number} [age_months] @property {'female'|'male'|'other'|'unknown'} [sex]
 * @property {boolean} [pregnant] @property {string[]} [conditions] @property {string[]} [medications]
 * @property {string[]} [allergies] @property {Vitals} [vitals]
 *
 * @typedef {object} Emergency @property {string} number @property {string} text @property {string[]} [rules]
 * @typedef {object} Place @property {string} place @property {string} callback @property {string} emergency_contact
 * @typedef {object} Consents @property {boolean} consultation @property {boolean} ai @property {boolean} recording
 * @typedef {object} QueuePlace @property {number} position @property {number} ahead
 * @property {[number, number]} wait_min shortest and longest expected wait, minutes
 * @typedef {object} Practitioner @property {string} display @property {string} [registration_number]
 *
 * @typedef {object} PatientVisit answer of GET /api/visit
 * @property {string} id @property {Role} role @property {string} state @property {Language} lang
 * @property {{display: string, age?: number|null, age_months?: number|null, sex?: string|null}} patient
 * @property {Consents|null} consents @property {boolean} place_given
 * @property {Partial<Intake>|null} intake @property {boolean} intake_final
 * @property {QueuePlace|null} queue @property {Practitioner|null} practitioner
 * @property {Emergency|null} emergency @property {boolean} has_summary
 *
 * @typedef {object} QueueRow one line of GET /api/queue
 * @property {string} visit_id @property {Level|null} level @property {string[]} flags
 * @property {string} display @property {number|null} age @property {string|null} sex @property {Language} lang
 * @property {string} state @property {number} waited_s @property {[number, number]|null} promised_min
 * @property {boolean} mine @property {string|null} claimed_by @property {string} presence @property {string} mode
 *
 * @typedef {object} RedFlag @property {string} rule @property {string} quote @property {Level} level
 * @property {string} source @property {string} [text]
 * @typedef {object} Question @property {string} [text] @property {string} [id]
 * @typedef {object} TriageNote
 * @property {Level|null} level @property {RedFlag[]} red_flags @property {string[]} departments
 * @property {{min: number, max: number, missing: string[]}|null} news2
 * @property {(string|Question)[]} questions @property {string} summary @property {unknown} engine
 *
 * @typedef {object} Seat @property {string} seat @property {Role} role @property {string} display
 * @property {'present'|'reconnecting'|'away'} presence @property {string[]} muted @property {string[]} sources
 * @property {string|null} [public_key] of a page that can encrypt end to end
 * @typedef {object} Track @property {string} mid @property {string} seat @property {'audio'|'video'} kind
 * @property {string} source
 * @typedef {object} ChatEntry @property {string} from @property {Role} role @property {string} text
 * @property {string} at @property {string} key @property {number} number
 * @typedef {object} Reading vital signs told in the call @property {string} from @property {string} role @property {Vitals} values
 * @property {string} at @property {string} key @property {number} number
 *
 * @typedef {object} Fitness what a line is fit for @property {string} verdict skin_image, gait, conversation or none
 * @property {readonly string[]} reasons up_… or down_…
 *
 * @typedef {object} Envelope @property {1} v @property {string} type @property {string} [id] @property {string} [re]
 * @property {number} seq @property {number} ack @property {any} body
 */

export {};
