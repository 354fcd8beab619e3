"""What an index has found so far: nights, people, refusals; and which names can stand beside each other."""

from dataclasses import dataclass, field

from braintwin.contracts.tables import NightRow, PersonRow
from braintwin.errors import NightExcluded
from braintwin.io.listing import Candidate

LONGEST_NAME = 120
"""Characters of a night's name; it becomes a folder."""


@dataclass
class Found:
    """What the datasets hold; people without their batches.

    Every night of the chosen task is in `nights` or in `refused`, or counted in `ignored` where the config leaves its
    person out.
    """

    nights: list[NightRow] = field(default_factory=list)
    people: dict[str, PersonRow] = field(default_factory=dict)
    refused: list[dict[str, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    pids: dict[str, str] = field(default_factory=dict)
    ignored: int = 0

    def refuse(self, night: str, person: str, reason: str) -> None:
        """Keep the reason why a night is not in the study."""
        row = {"night": night, "person": person, "step": "index", "state": "excluded", "reason": reason}
        self.refused.append(row)

    def account(self) -> str:
        """Return in words what became of the nights."""
        total = len(self.nights) + len(self.refused) + self.ignored
        return (
            f"{total} night(s) found: {len(self.nights)} used, {len(self.refused)} refused, "
            f"{self.ignored} left out by the config"
        )

    def admit(self, row: NightRow, pid: str, candidate: Candidate, person_column: str | None) -> None:
        """Refuse a night whose person is not known, or whose name cannot be kept apart or written.

        Raises
        ------
        NightExcluded
            With the reason.
        """
        if not row.person:
            message = (
                f"participants.tsv has no {person_column!r} for this participant; whose night it is is not known"
                if person_column
                else "its participant has no label after sub-; rename the folder"
            )
            raise NightExcluded(message)
        files = [entry.path for entry in (*candidate.recordings, *candidate.events)]
        if not all(path.isprintable() for path in (candidate.folder, row.condition, *files)):
            message = "the name of a file holds characters that cannot be written in a table; rename it"
            raise NightExcluded(message)
        if len(row.night) > LONGEST_NAME:
            message = f"the name of the night has {len(row.night)} characters; expected at most {LONGEST_NAME}"
            raise NightExcluded(message)
        if self.pids.setdefault(row.person, pid) != pid:
            message = "another participant has the same letters and digits in their name; rename one of the two"
            raise NightExcluded(message)
        if row.night in self.names:
            message = "another recording has the same participant, session and run; choose one by task or people"
            raise NightExcluded(message)
        self.names.add(row.night)
