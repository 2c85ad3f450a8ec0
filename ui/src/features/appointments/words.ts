import type { AppointmentRow } from '../../bindings/contract';
import type { Say } from '../../elements/recording';

/** Which calendar, or why it has no name here: the role may not see it, nobody uses it any more, or there is none. */
export function calendarLabel(appointment: AppointmentRow, refused: boolean, say: Say): string {
  if (appointment.calendar_name !== null) return appointment.calendar_name;
  if (appointment.calendar_id === null) return say('calendar_none');
  return say(refused ? 'calendar_hidden' : 'calendar_unknown');
}
