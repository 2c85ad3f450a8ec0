import { fromAbsolute, toCalendarDate, type CalendarDate } from '@internationalized/date';

/** The day of a moment in a zone. */
export function dayOf(ms: number, zone: string): CalendarDate {
  return toCalendarDate(fromAbsolute(ms, zone));
}

/** Where that day begins there, so many days later: days that the clocks make longer or shorter are days. */
export function dayStart(ms: number, zone: string, daysLater = 0): number {
  return dayOf(ms, zone).add({ days: daysLater }).toDate(zone).getTime();
}
