import type { DoctorFinding, DoctorFound, DoctorMending, DoctorStep } from '../../bindings/contract';

type Row = [
  check: DoctorFound['check'],
  finding: DoctorFinding,
  status: DoctorFound['status'],
  n?: number,
  what?: string,
];

const STEPS: readonly DoctorStep[] = [
  'start',
  'key',
  'permissions',
  'disk',
  'library',
  'recordings',
  'network',
  'sync',
  'twilio',
  'answers',
  'audio',
];

const WELL: Partial<Record<DoctorStep, Row[]>> = {
  start: [['start', 'start_ok', 'ok']],
  key: [['key', 'key_in_keychain', 'ok']],
  permissions: [['permissions', 'permissions_ok', 'ok']],
  disk: [['disk', 'disk_ok', 'ok', 24_537]],
  library: [
    ['database', 'database_ok', 'ok', 18],
    ['calendar_id', 'calendar_id_ok', 'ok'],
    ['foreign_keys', 'foreign_keys_ok', 'ok'],
    ['stuck_jobs', 'stuck_jobs_none', 'ok'],
    ['queue', 'queue_ok', 'ok', 3],
  ],
  recordings: [['recordings', 'recordings_ok', 'ok', 8]],
  network: [
    ['clock', 'clock_ok', 'ok'],
    ['dns', 'dns_ok', 'ok'],
    ['tls', 'tls_ok', 'ok'],
    ['session', 'session_ok', 'ok'],
  ],
  sync: [['sync', 'sync_ok', 'ok', 2]],
  answers: [
    ['upstream', 'upstream_ok', 'ok', undefined, '200: 412, 202: 31, 206: 57'],
    ['gateway_shown', 'gateway_shown_none', 'ok'],
  ],
  audio: [['audio_device', 'audio_ok', 'ok']],
};

const ILL: Partial<Record<DoctorStep, Row[]>> = {
  permissions: [['permissions', 'permissions_open', 'fail', 2]],
  library: [
    ['database', 'database_ok', 'ok', 18],
    ['calendar_id', 'calendar_id_missing', 'fail'],
    ['foreign_keys', 'foreign_keys_ok', 'ok'],
    ['stuck_jobs', 'stuck_jobs', 'warn', 1],
    ['queue', 'queue_needs_you', 'warn', 12],
  ],
  recordings: [['recordings', 'recordings_missing', 'fail', 2]],
  network: [
    ['clock', 'clock_ok', 'ok'],
    ['dns', 'dns_ok', 'ok'],
    ['tls', 'tls_ok', 'ok'],
    ['session', 'session_gateway', 'warn', 502],
  ],
  answers: [
    ['upstream', 'upstream_gateway', 'warn', 9, '200: 412, 502: 9, no answer: 2'],
    ['gateway_shown', 'gateway_shown_none', 'ok'],
  ],
};

const MENDABLE: readonly DoctorFinding[] = [
  'permissions_open',
  'calendar_id_missing',
  'stuck_jobs',
  'recordings_missing',
  'start_damaged',
];

/** A doctor over invented troubles: `?doctor=ill`; a refused start is one by itself. */
export class FakeDoctor {
  #mended = false;

  constructor(
    private readonly scene: string | null,
    private readonly refused: string | null,
  ) {}

  steps() {
    return { steps: [...STEPS] };
  }

  look(step: DoctorStep): { found: DoctorFound[] } {
    const rows = (!this.#mended && this.scene === 'ill' && ILL[step]) || WELL[step] || [];
    if (this.refused !== null) {
      if (step === 'start') return { found: [found(['start', 'start_damaged', 'fail'])] };
      if (!['key', 'permissions', 'disk', 'audio'].includes(step)) return { found: [] };
    }
    return { found: rows.map(found) };
  }

  mend(): DoctorMending {
    const was = this.#mended || this.scene !== 'ill';
    this.#mended = true;
    if (was) return { done: [], restart: false };
    return {
      done: [
        { mend: 'mended_permissions', n: 2 },
        { mend: 'mended_schema', n: null },
        { mend: 'mended_jobs', n: 1 },
        { mend: 'mended_recordings', n: 2 },
      ],
      restart: false,
    };
  }
}

function found([check, finding, status, n, what]: Row): DoctorFound {
  return { check, finding, status, n: n ?? null, what: what ?? null, is_mendable: MENDABLE.includes(finding) };
}
