"""A finished study from Python: ``import braintwin as bt; bt.load("results/demo/people/synthetic-01")``.

Nothing here changes a study. Objects are of xarray and pandas, and show themselves as HTML in a notebook.
"""

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from braintwin.cli.whatif import RESEARCH, ask, find_person, studied
from braintwin.config import Config
from braintwin.contracts.check import PersonCheck
from braintwin.contracts.tables import PersonRow
from braintwin.errors import BrainTwinError, did_you_mean
from braintwin.io.records import read_json, read_people, read_status
from braintwin.paths import StudyPaths

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from braintwin.steps.whatif import Answer


def load(folder: Path | str) -> "Twin":
    """Return one person's twin.

    Parameters
    ----------
    folder : path
        The person's folder in the results of a study, ``results/<study>/people/<person>``.

    Raises
    ------
    BrainTwinError
        If no twin lies there.
    """
    folder = Path(folder)
    if folder.parent.name != "people":
        people = sorted(path.name for path in (folder / "people").glob("*") if path.is_dir())
        some = f"; it holds {', '.join(people[:5])}{' …' if len(people) > 5 else ''}" if people else ""
        message = f"load: {folder.name!r} is no person's folder (expected results/<study>/people/<person>){some}"
        raise BrainTwinError(message)
    return Study(folder.parents[1])[folder.name]


class Study(Mapping[str, "Twin"]):
    """The twins of a finished study, by person.

    Parameters
    ----------
    results : path
        ``results/<study>``.

    Raises
    ------
    BrainTwinError
        If there is no study in the folder.
    """

    def __init__(self, results: Path | str) -> None:
        self.paths = StudyPaths(results)
        if not self.paths.people.is_file():
            message = f"no study in {self.paths.root.name!r} (expected its index/people.tsv); name results/<study>"
            raise BrainTwinError(message)
        self._rows = {row.person: row for row in read_people(self.paths.people)}

    def __getitem__(self, person: str) -> "Twin":
        """Return a person's twin, a :class:`BrainTwinError` naming the nearest where there is none."""
        if person not in self._rows:
            message = f"nobody called {person!r} in study {self.paths.root.name!r}{did_you_mean(person, self._rows)}"
            raise BrainTwinError(message)
        return Twin(self, find_person(self.paths, person))

    def __contains__(self, person: object) -> bool:
        return person in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    @cached_property
    def config(self) -> Config:
        """The config that the study was run with; the defaults where it has no manifest."""
        return studied(self.paths)

    @property
    def summary(self) -> "pd.DataFrame":
        """One row a person: verdict, best treatment, expected utility."""
        import pandas as pd

        return pd.read_csv(self.paths.summary, sep="\t", index_col=0, keep_default_na=True)

    def __repr__(self) -> str:
        return f"<Study {self.paths.root.name}: {len(self)} people>"

    def _repr_html_(self) -> str:
        return f"<p><b>{html.escape(self.paths.root.name)}</b>: {len(self)} people</p>{self.summary.to_html()}"


@dataclass(frozen=True, eq=False)
class Twin:
    """One person's twin as a study has fitted and checked it.

    Attributes
    ----------
    study : Study
    person : PersonRow
        Identifier, age band, sex and covariates.
    """

    study: Study
    person: PersonRow

    @cached_property
    def check(self) -> PersonCheck:
        """The verdict on both fits, with reasons and one row a parameter."""
        return read_json(self.study.paths.person(self.person.person, "check", ".json"), PersonCheck)

    @cached_property
    def night(self) -> "xr.DataTree":
        """The hypnogram twin: groups posterior, prior, sample_stats, observed_data … as ArviZ names them."""
        return self._tree("night")

    @cached_property
    def spectral(self) -> "xr.DataTree":
        """The corticothalamic twin, in the same groups."""
        return self._tree("spectral")

    @cached_property
    def ranking(self) -> "xr.Dataset":
        """Expected utility, regret and P(best) of every treatment."""
        from braintwin.contracts.rank import RANKING
        from braintwin.io.arrays import read_dataset

        return read_dataset(self._artefact("rank"), RANKING)

    @property
    def parameters(self) -> "pd.DataFrame":
        """Posterior summary of every scalar parameter, by twin and name."""
        import pandas as pd

        rows = [row.model_dump() for row in self.check.parameters]
        return pd.DataFrame(rows).set_index(["twin", "name"]) if rows else pd.DataFrame(rows)

    def simulate(
        self,
        *treatments: str,
        dose_factor: float = 1.0,
        adherence: float = 1.0,
        minutes_in_bed: float | None = None,
        nights: int = 14,
        draws: int = 1000,
    ) -> "WhatIf":
        """Simulate this person's nights as they are and under treatments, with the same noise.

        Parameters
        ----------
        treatments : str
            One or two keys of the treatment library.
        dose_factor, adherence, minutes_in_bed, nights
            As :class:`braintwin.treatment.scenario.Scenario`.
        draws : int
            Posterior draws.

        Raises
        ------
        BrainTwinError
            If a treatment is unknown, the scenario out of bounds, or the twin failed its check.
        """
        from braintwin.treatment.scenario import Scenario

        scenario = Scenario(dose_factor, adherence, minutes_in_bed, nights)
        answer = ask(self.study.paths, self.person, self.study.config, treatments, scenario, draws)
        return WhatIf(answer, draws, nights)

    def _artefact(self, step: str) -> Path:
        path = self.study.paths.person(self.person.person, step)
        status = read_status(path)
        if status.state != "ok":
            message = f"{self.person.person} has no {path.name}: {status.state}: {status.reason}"
            raise BrainTwinError(message)
        return path

    def _tree(self, step: str) -> "xr.DataTree":
        import xarray as xr

        from braintwin.io.posterior import read_groups

        return xr.DataTree.from_dict(read_groups(self._artefact(step)), name=f"{step} twin of {self.person.person}")

    def __repr__(self) -> str:
        return f"<Twin {self.person.person}: {self.check.verdict}>"

    def _repr_html_(self) -> str:
        reasons = "".join(f"<li>{html.escape(reason)}</li>" for reason in self.check.reasons)
        head = f"<p><b>{html.escape(self.person.person)}</b>: {self.check.verdict}</p><ul>{reasons}</ul>"
        table = self.parameters
        return head + (table[["mean", "sd", "q05", "q95", "contraction"]].to_html() if len(table) else "")


@dataclass(frozen=True)
class WhatIf:
    """What a scenario does to one person's nights.

    Attributes
    ----------
    answer : Answer
        Change by outcome, warnings, contraindications.
    draws, nights : int
        Posterior draws, and nights of each.
    """

    answer: "Answer"
    draws: int
    nights: int

    def summary(self) -> "pd.DataFrame":
        """Return one row an outcome: usual and scenario means, change with its 90 % interval, that of one night."""
        import pandas as pd

        from braintwin.contracts.simulate import OUTCOME_UNITS

        table = pd.DataFrame({name: vars(change) for name, change in self.answer.change.items()}).T
        table.insert(0, "unit", [OUTCOME_UNITS[name] for name in table.index])
        return table.rename_axis("outcome")

    def svg(self) -> str:
        """Return a drawing of the changes."""
        from braintwin.report.figures_scenario import scenario_changes, standalone

        names, changes = list(self.answer.change), list(self.answer.change.values())
        return standalone(scenario_changes(names, changes, self._title()))

    def _title(self) -> str:
        return f"{self.answer.person}: {' + '.join(self.answer.labels)}"

    def __repr__(self) -> str:
        return f"<WhatIf {self._title()}, {self.draws} draws × {self.nights} nights>"

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{html.escape(text)}</li>" for text in self.answer.warnings)
        return f"{self.svg()}{self.summary().to_html()}<ul>{notes}</ul><p>{RESEARCH}</p>"
