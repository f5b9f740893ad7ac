"""Dates as Go reads and writes them: layouts made of the reference time Mon Jan 2 15:04:05 MST 2006."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from analysis.errors import AnalysisError
from analysis.language.values import Duration, Int64, Location, Month, Time, Weekday, text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_NS = 1_000_000_000
_MONTHS = [text(Month(number)) for number in range(1, 13)]
_DAYS = [text(Weekday(number)) for number in range(7)]
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,15}(?:/[A-Za-z0-9_+-]{1,32}){0,2}", re.ASCII)
_LAYOUT_CHARS_MAX = 100

_LAYOUT = re.compile(
    r"January|Jan|Monday|Mon|MST|2006|-07:00:00|-07:00|-0700|-07|Z07:00|Z0700|Z07|002|_2006|__2|_2|01|02|03|04|05|06"
    r"|15|PM|pm|[.,]0+(?![0-9])|[.,]9+(?![0-9])|1|2|3|4|5"
)
_STANDARD = (
    "2006-01-02", "15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04:05Z07:00", "02 Jan 06 15:04 MST",
    "Monday, 02-Jan-06 15:04:05 MST", "Mon, 02 Jan 2006 15:04:05 MST",
)  # fmt: skip
_PATTERNS: Mapping[str, str] = {
    "January": r"(?P<month_name>[A-Za-z]{3,9})", "Jan": r"(?P<month_name>[A-Za-z]{3})",
    "Monday": r"(?P<weekday>[A-Za-z]{6,9})",
    "Mon": r"(?P<weekday>[A-Za-z]{3})", "MST": r"(?P<zone>[A-Z]{3,5}(?:[+-]\d{1,2})?)", "2006": r"(?P<year>\d{4})",
    "06": r"(?P<short_year>\d\d)", "01": r"(?P<month>\d\d)", "1": r"(?P<month>\d{1,2})", "02": r"(?P<day>\d\d)",
    "2": r"(?P<day>\d{1,2})", "_2": r" ?(?P<day>\d{1,2})", "002": r"(?P<year_day>\d{3})",
    "__2": r" {0,2}(?P<year_day>\d{1,3})", "15": r"(?P<hour>\d{1,2})", "03": r"(?P<hour12>\d\d)",
    "3": r"(?P<hour12>\d{1,2})", "04": r"(?P<minute>\d\d)", "4": r"(?P<minute>\d{1,2})",
    "05": r"(?P<second>\d\d)(?:[.,](?P<part>\d{1,9})\d*)?", "5": r"(?P<second>\d{1,2})(?:[.,](?P<part>\d{1,9})\d*)?",
    "PM": r"(?P<half>AM|PM)", "pm": r"(?P<half>am|pm)", "-07:00": r"(?P<offset>[+-]\d\d:\d\d)",
    "-0700": r"(?P<offset>[+-]\d{4})", "-07": r"(?P<offset>[+-]\d\d)", "Z07:00": r"(?P<offset>Z|[+-]\d\d:\d\d)",
    "Z0700": r"(?P<offset>Z|[+-]\d{4})", "Z07": r"(?P<offset>Z|[+-]\d\d)",
    "-07:00:00": r"(?P<offset>[+-]\d\d:\d\d:\d\d)",
}  # fmt: skip


def now(ns: int) -> Time:
    """The present, given from outside."""
    return Time(ns)


def location(name: str) -> Location:
    """A time zone. Raises AnalysisError for a name that no zone has."""
    if name not in ("UTC", "", "Local"):
        _zone(name)
    return Location(name if name not in ("", "Local") else "UTC")


def date(said: str, layout: str | None = None, zone: str | None = None) -> Time:
    """Read a date in one layout, or in any of the standard ones."""
    if layout is not None:
        return _parsed(said, layout, zone)
    for standard in _STANDARD:
        try:
            return _parsed(said, standard, zone)
        except AnalysisError:
            continue
    raise AnalysisError(f"invalid date {said}")


def located(time: Time, zone: Location) -> Time:
    """The same moment, written in another zone."""
    try:
        at = (_EPOCH + timedelta(seconds=time.ns // _SECOND_NS)).astimezone(_zone(zone.name))
    except OverflowError:
        raise AnalysisError("date out of range") from None
    return Time(time.ns, round((at.utcoffset() or timedelta()).total_seconds()), at.tzname() or zone.name)


def parts(time: Time) -> datetime:
    """The moment on the wall clock of its own zone, cut to microseconds. Raises AnalysisError beyond the calendar."""
    try:
        return _EPOCH.replace(tzinfo=None) + timedelta(seconds=time.ns // _SECOND_NS + time.offset_s)
    except OverflowError:
        raise AnalysisError("date out of range") from None


def formatted(time: Time, layout: str) -> str:
    """The moment in a layout of Go's."""
    if len(layout) > _LAYOUT_CHARS_MAX:
        raise AnalysisError("layout too long")
    at = parts(time)

    def one(match: re.Match[str]) -> str:
        word = match.group()
        if word[0] in ".,":
            return _fraction(time, word)
        return _WORDS[word](at, time) if word in _WORDS else word

    return _LAYOUT.sub(one, layout)


def string(time: Time) -> str:
    """The moment as Go prints it: `2023-08-14 00:00:00 +0000 UTC`."""
    return formatted(time, "2006-01-02 15:04:05.999999999 -0700 MST")


def method(target: Time | Duration | Month | Weekday, name: str, arguments: list[Any]) -> Any:
    """What a method of a date, a duration, a month or a weekday gives; the checker vouched for the arguments."""
    if isinstance(target, Time):
        return _OF_TIME[name](target, *arguments)
    if isinstance(target, Duration):
        return _OF_DURATION[name](target, *arguments)
    return text(target)


def _zone(name: str) -> ZoneInfo | timezone:
    if name == "UTC":
        return UTC
    try:
        if _ZONE.fullmatch(name):
            return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        pass
    raise AnalysisError(f"unknown time zone {name}")


def _parsed(said: str, layout: str, zone: str | None) -> Time:
    failure = AnalysisError(f'parsing time "{said[:64]}" as "{layout[:64]}"')
    if len(layout) > _LAYOUT_CHARS_MAX or len(said) > _LAYOUT_CHARS_MAX:
        raise failure
    pattern, at, seen = "", 0, set()
    for word in _LAYOUT.finditer(layout):
        known = _PATTERNS.get(word.group(), r"(?:[.,]\d+)?" if word.group()[0] in ".," else re.escape(word.group()))
        for name in re.findall(r"\?P<(\w+)>", known):
            if name in seen:
                raise failure
            seen.add(name)
        pattern += re.escape(layout[at : word.start()]) + known
        at = word.end()
    found = re.compile(pattern + re.escape(layout[at:]), re.ASCII).fullmatch(said)
    if not found:
        raise failure
    try:
        return _assembled({key: value for key, value in found.groupdict().items() if value is not None}, zone)
    except (ValueError, OverflowError):
        raise AnalysisError(f"{failure}: out of range") from None


def _assembled(read: Mapping[str, str], zone: str | None) -> Time:
    year = int(read.get("year") or 0)
    if "short_year" in read:
        year = int(read["short_year"]) + (1900 if int(read["short_year"]) >= 69 else 2000)
    month = int(read.get("month", 1))
    if "month_name" in read:
        names = [name.lower()[:3] for name in _MONTHS]
        month = names.index(read["month_name"].lower()[:3]) + 1
    hour = int(read.get("hour") or read.get("hour12") or 0)
    if half := read.get("half", "").upper():
        hour = hour % 12 + (12 if half == "PM" else 0)
    minute, second = int(read.get("minute", 0)), int(read.get("second", 0))
    at = datetime(max(year, 1), month, int(read.get("day", 1)), hour, minute, second, tzinfo=UTC)
    seconds = round((at - _EPOCH).total_seconds())  # of the wall clock, whatever its zone
    if year == 0:
        seconds -= 366 * 86_400  # the year 0, a leap year that Python's calendar does not have
    ns = int(read.get("part", "0").ljust(9, "0"))
    offset, name = 0, "UTC"
    if sign := read.get("offset"):
        offset = 0 if sign == "Z" else _offset_s(sign)
        name = "UTC" if sign == "Z" else f"{sign.replace(':', '')[:5]}"
    elif "zone" in read:
        name = read["zone"]
    elif zone:
        there = at.replace(tzinfo=_zone(zone))
        offset, name = round((there.utcoffset() or timedelta()).total_seconds()), there.tzname() or zone
    return Time((seconds - offset) * _SECOND_NS + ns, offset, name)


def _offset_s(sign: str) -> int:
    digits = sign[1:].replace(":", "").ljust(6, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:6])
    return -seconds if sign[0] == "-" else seconds


def _fraction(time: Time, word: str) -> str:
    digits = f"{time.ns % _SECOND_NS:09d}"[: len(word) - 1]
    if word[1] == "9":
        digits = digits.rstrip("0")
    return word[0] + digits if digits else ""


def _offset_text(time: Time, colon: str, utc: str = "") -> str:
    if utc and time.offset_s == 0:
        return utc
    minutes = abs(time.offset_s) // 60
    return f"{'-' if time.offset_s < 0 else '+'}{minutes // 60:02d}{colon}{minutes % 60:02d}"


_WORDS: Mapping[str, Callable[[datetime, Time], str]] = {
    "2006": lambda at, time: f"{at.year:04d}", "06": lambda at, time: f"{at.year % 100:02d}",
    "01": lambda at, time: f"{at.month:02d}", "1": lambda at, time: str(at.month),
    "January": lambda at, time: _MONTHS[at.month - 1], "Jan": lambda at, time: _MONTHS[at.month - 1][:3],
    "02": lambda at, time: f"{at.day:02d}", "2": lambda at, time: str(at.day), "_2": lambda at, time: f"{at.day:2d}",
    "002": lambda at, time: f"{at.timetuple().tm_yday:03d}", "__2": lambda at, time: f"{at.timetuple().tm_yday:3d}",
    "Monday": lambda at, time: _DAYS[at.isoweekday() % 7], "Mon": lambda at, time: _DAYS[at.isoweekday() % 7][:3],
    "15": lambda at, time: f"{at.hour:02d}", "03": lambda at, time: f"{(at.hour + 11) % 12 + 1:02d}",
    "3": lambda at, time: str((at.hour + 11) % 12 + 1), "04": lambda at, time: f"{at.minute:02d}",
    "4": lambda at, time: str(at.minute), "05": lambda at, time: f"{at.second:02d}",
    "5": lambda at, time: str(at.second), "PM": lambda at, time: "PM" if at.hour >= 12 else "AM",
    "pm": lambda at, time: "pm" if at.hour >= 12 else "am", "MST": lambda at, time: time.zone,
    "-0700": lambda at, time: _offset_text(time, ""), "-07:00": lambda at, time: _offset_text(time, ":"),
    "-07": lambda at, time: _offset_text(time, "")[:3], "Z07:00": lambda at, time: _offset_text(time, ":", "Z"),
    "Z0700": lambda at, time: _offset_text(time, "", "Z"), "Z07": lambda at, time: _offset_text(time, "", "Z")[:3],
}  # fmt: skip


def _plus_date(time: Time, years: int, months: int, days: int) -> Time:
    """Years and months first, as Go does: the 31st of a short month runs on into the next."""
    at = parts(time)
    month = at.month - 1 + months
    try:
        first = at.replace(year=at.year + years + month // 12, month=month % 12 + 1, day=1)
        moved = first + timedelta(days=at.day - 1 + days)
    except (ValueError, OverflowError):
        raise AnalysisError("date out of range") from None
    return Time(time.ns + round((moved - at).total_seconds()) * _SECOND_NS, time.offset_s, time.zone)


def _rounded(ns: int, unit: int, is_nearest: bool) -> int:
    if unit <= 0:
        return ns
    rest = ns % unit
    return ns - rest + (unit if is_nearest and rest * 2 >= unit else 0)


def _duration_rounded(ns: int, unit: int, is_nearest: bool) -> int:
    return -_rounded(-ns, unit, is_nearest) if ns < 0 else _rounded(ns, unit, is_nearest)


_OF_TIME: Mapping[str, Callable[..., Any]] = {
    "Year": lambda t: parts(t).year, "Month": lambda t: Month(parts(t).month), "Day": lambda t: parts(t).day,
    "Hour": lambda t: parts(t).hour, "Minute": lambda t: parts(t).minute, "Second": lambda t: parts(t).second,
    "Nanosecond": lambda t: t.ns % _SECOND_NS, "Weekday": lambda t: Weekday(parts(t).isoweekday() % 7),
    "YearDay": lambda t: parts(t).timetuple().tm_yday, "Unix": lambda t: Int64(t.ns // _SECOND_NS),
    "UnixMilli": lambda t: Int64(t.ns // 1_000_000), "UnixMicro": lambda t: Int64(t.ns // 1000),
    "UnixNano": lambda t: Int64(t.ns), "Add": lambda t, d: Time(t.ns + d.ns, t.offset_s, t.zone),
    "Sub": lambda t, other: Duration(t.ns - other.ns), "AddDate": _plus_date,
    "Before": lambda t, other: t.ns < other.ns, "After": lambda t, other: t.ns > other.ns,
    "Equal": lambda t, other: t.ns == other.ns, "IsZero": lambda t: t.ns == -62_135_596_800 * _SECOND_NS,
    "UTC": lambda t: Time(t.ns), "In": located,
    "Truncate": lambda t, d: Time(_rounded(t.ns, d.ns, False), t.offset_s, t.zone),
    "Round": lambda t, d: Time(_rounded(t.ns, d.ns, True), t.offset_s, t.zone),
    "Format": formatted, "String": string,
}  # fmt: skip

_OF_DURATION: Mapping[str, Callable[..., Any]] = {
    "Hours": lambda d: d.ns / 3.6e12, "Minutes": lambda d: d.ns / 6e10, "Seconds": lambda d: d.ns / 1e9,
    "Milliseconds": lambda d: Int64(int(d.ns / 1e6)), "Microseconds": lambda d: Int64(int(d.ns / 1e3)),
    "Nanoseconds": lambda d: Int64(d.ns), "Abs": lambda d: Duration(abs(d.ns)),
    "Round": lambda d, unit: Duration(_duration_rounded(d.ns, unit.ns, True)),
    "Truncate": lambda d, unit: Duration(_duration_rounded(d.ns, unit.ns, False)), "String": str,
}  # fmt: skip
