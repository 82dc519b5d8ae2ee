"""Every ceremony: its opening, every step with its time, who signed what, its files."""

from __future__ import annotations

from datetime import datetime

from ceremony.record import entries
from ceremony.record.charter import Charter
from ceremony.record.register import Ceremony, Register
from ceremony.record.report import commands, people
from ceremony.record.report.html import Html, Node, anchor, check, digest, el, fields, join, lines, moment, plural, section, table
from ceremony.record.report.tell import KINDS, Happening, Stage, stages
from ceremony.record.transcript import NAME


def ceremonies(register: Register) -> Html:
    """One part for each ceremony."""
    return join(*(_ceremony(c, charter) for c, charter in zip(register.ceremonies, register.charters, strict=False)))


def title_of(ceremony: Ceremony) -> str:
    """The heading of a ceremony's part, and its name in links."""
    return f"Ceremony {ceremony.number}: {KINDS[ceremony.kind]}"


def overview(register: Register) -> Html:
    """AUD-08: every ceremony in one table, one chain."""
    rows = [
        (
            el("a", title_of(c), href=f"#{anchor(title_of(c))}"),
            el("span", moment(c.state.entries[0].line.time) if c.state.entries else "-", class_="time"),
            c.state.closed.outcome if c.state.closed else "not ended",
            str(len(c.state.entries)),
            digest(c.head),
        )
        for c in register.ceremonies
    ]
    return section("All ceremonies", table(("Ceremony", "Opened", "Outcome", "Entries", "Head"), rows))


def _ceremony(ceremony: Ceremony, charter: Charter) -> Html:
    title = title_of(ceremony)
    found = ceremony.state.entries
    if not found:
        return section(title, el("p", "It was cut off before its first entry."))
    return section(
        title,
        _opening(ceremony),
        el("h3", "Steps"),
        _steps(ceremony),
        el("h3", "Signatures"),
        el("p", "Who signed what; the numbers are those of the entries.", class_="note"),
        people.signatures(ceremony, charter),
        el("h3", "Files"),
        _files(ceremony),
    )


def _opening(ceremony: Ceremony) -> Html:
    state, folder = ceremony.state, ceremony.folder.name
    opened, closed, times = state.opened, state.closed, [e.line.time for e in state.entries]
    outcome = "not ended" if closed is None else closed.outcome + (f": {closed.reason}" if closed.reason else "")
    rows: list[tuple[str, Node]] = [
        ("Kind", f"{opened.kind}, {opened.mark}"),
        ("Outcome", el("strong", outcome)),
        ("Time", f"{moment(times[0])} to {moment(times[-1])} ({_took(times[0], times[-1])})"),
        ("Entries", join(str(len(times)), check(commands.written_one_way(folder)))),
        ("Continues from", digest(ceremony.prev)),
        ("Head", join(digest(ceremony.head), check(commands.head_is(folder, ceremony.head)))),
        ("Script (SHA-256)", join(digest(opened.script), check(commands.entry_is(folder, 1, ".body.script", opened.script)))),
        ("Tool", f"{opened.tool}, commit {opened.commit} (self-reported)"),
    ]
    return fields(rows)


def _took(first: str, last: str) -> str:
    seconds = int((datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds())
    minutes, rest = divmod(seconds, 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _steps(ceremony: Ceremony) -> Html:
    rows = [_stage(stage) for stage in stages(ceremony.state.entries)]
    return table(("Step", "Done", "Took", "What happened, and its entries"), rows, class_="steps")


def _stage(stage: Stage) -> tuple[Node, ...]:
    name = f"{stage.step.body.number} {stage.step.body.title}" if stage.step is not None else "After the last step"
    ended = moment(stage.ended).replace(" UTC", "")
    day, clock = ended.split(" ")
    done = join(el("span", day, class_="time"), " ", el("span", clock, class_="time")) if stage.step is not None else "-"
    return (name, done, el("span", _took(stage.began, stage.ended), class_="time"), lines(_happening(h) for h in stage.happenings))


def _happening(happening: Happening) -> Html:
    people = happening.people
    who = join(el("strong", " ".join(people)), ": ") if people else ""
    clock = happening.done[0].line.time[11:19]
    return join(el("span", clock, class_="time"), " ", who, happening.sentence, " ", el("span", f"[{happening.numbers}]", class_="note"))


def _files(ceremony: Ceremony) -> Html:
    files = list(ceremony.state.all(entries.File))
    rows = [(file.name, file.kind, str(file.size), digest(file.sha256)) for file in files]
    whole = check(commands.files_are(ceremony.folder.name, len(files) + 1))
    note = el("p", f"{plural(len(files), 'file')} and {NAME}; nothing else lies in the folder.", class_="note")
    return join(table(("File", "Kind", "Bytes", "SHA-256"), rows) if rows else "", note, whole)
